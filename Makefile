# Go is all that this needs. With a C compiler too, the kernels are faster and `make race` works.
.PHONY: build demo test race vgpu gpu-check lint bench clean

build:
	go build -o bin/uer ./cmd/uer

demo: build
	mkdir -p build
	bin/uer preprocess --corpus_path corpora/demo.txt --vocab_path models/demo_vocab.txt --dataset_path build/demo.pt --dynamic_masking --target mlm
	bin/uer pretrain --config_path configs/demo.yaml

test:
	go test ./...

race:
	go test -race ./...

# A stand-in for a GPU's driver, for tests: LD_LIBRARY_PATH=build/vgpu. It needs g++.
vgpu:
	go run ./internal/device/cuda/vgpu/build

# Kernels under ThreadSanitizer and AddressSanitizer, and without each barrier in turn. It needs g++ and clang-19.
gpu-check: vgpu
	rm -rf build/vgpu/recorded
	mkdir -p build/vgpu/recorded
	UER_LIBCUDA=$(CURDIR)/build/vgpu/libcuda.so.1 UER_CUDA_LIB=$(CURDIR)/build/vgpu VGPU_RECORD=$(CURDIR)/build/vgpu/recorded \
		go test -count=1 -tags gpu ./internal/device/cuda/...
	go run ./internal/device/cuda/vgpu/check

lint:
	test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go list -f '{{join .CgoCFLAGS " "}}{{range .CFiles}} {{$$.Dir}}/{{.}}{{end}}' ./internal/kernel | xargs -r cc -fsyntax-only -Wextra -Werror
	if command -v shellcheck >/dev/null; then shellcheck --external-sources --source-path=SCRIPTDIR scripts/*.sh .ci/run; fi

bench:
	go test -p 1 -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin build
