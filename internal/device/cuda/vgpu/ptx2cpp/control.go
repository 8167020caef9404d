package ptx2cpp

import "fmt"

func branch(w *writer, in *instruction) (string, error) {
	in.take("uni")
	if err := in.need(1); err != nil {
		return "", err
	}
	return fmt.Sprintf("goto %s;", identifier(in.operands[0])), nil
}

// leave is ret and exit, which are one in a kernel, and trap.
func leave(_ *writer, in *instruction) (string, error) {
	in.take("uni")
	if in.root == "trap" {
		return fmt.Sprintf("vgpu::fail(%q);", "trap at "+in.site), nil
	}
	return "return;", nil
}

// barrier is bar.sync 0, the block's, and bar.warp.sync.
func barrier(w *writer, in *instruction) (string, error) {
	if !in.take("sync") {
		return "", errSubset
	}
	in.take("cta")
	in.take("aligned")
	if err := in.need(1); err != nil {
		return "", err
	}
	if in.take("warp") {
		mask, err := w.value(in.operands[0], types["u32"])
		return fmt.Sprintf("vgpu::warp_barrier(%q, %s);", in.site, mask), err
	}
	if in.operands[0] != "0" {
		return "", errSubset
	}
	return fmt.Sprintf("vgpu::barrier(%q);", in.site), nil
}

func fence(_ *writer, in *instruction) (string, error) {
	in.takeAny("acq_rel", "sc")
	in.takeAny("cta", "gl", "gpu", "sys")
	return "__atomic_thread_fence(__ATOMIC_SEQ_CST);", nil
}
