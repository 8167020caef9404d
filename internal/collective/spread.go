package collective

import (
	"fmt"
	"slices"
)

// Engine exchanges values between processes. One goroutine at a time uses it. Its errors are secondary: when another
// process ends, so does the exchange.
type Engine interface {
	// Exchange sends to each process its part of out, and receives into in what each has sent to this one. The parts
	// follow one another, by process; sent and received are their lengths.
	Exchange(out []float32, sent []int, in []float32, received []int) error
	// Gather fills all with the parts of all processes, one after the other. This process gives its own.
	Gather(own, all []float32, lengths []int) error
	// Close ends the connections. A pending exchange may fail.
	Close() error
}

// spread has the buffers of exchanges between processes.
type spread struct {
	out, in        []float32
	sent, received []int
	lengths        []int // of the shards
	order          []int // for each rank, where its values are in a received shard: process and index there
}

// sumSpread replaces the values of all ranks of all processes by their sums: each process gets one shard of all ranks,
// adds it up in the order of the ranks, and gives it to all. The bits are those of the sum within one process.
func (g *group) sumSpread() error {
	sums, err := g.sumShards()
	if err != nil {
		return err
	}
	if err := g.during(func() error { return g.engine.Gather(sums, g.values[0], g.spread.lengths) }); err != nil {
		return err
	}
	for _, other := range g.values[1:] {
		copy(other, g.values[0])
	}
	return nil
}

// reduceSpread gives the sums of the shards to one rank only.
func (g *group) reduceSpread(root int) error {
	sums, err := g.sumShards()
	if err != nil {
		return err
	}
	s := &g.spread
	for p, h := range g.member.hosts {
		s.sent[p], s.received[p] = 0, 0
		if slices.Contains(h.Ranks, root) {
			s.sent[p] = len(sums)
		}
	}
	var to []float32
	if i := slices.Index(g.ranks, root); i >= 0 {
		to = g.values[i]
		copy(s.received, s.lengths)
	}
	return g.during(func() error { return g.engine.Exchange(sums, s.sent, to, s.received) })
}

// sumShards gives each process one shard of the values of all ranks, and returns the sums of this process's shard.
func (g *group) sumShards() (sums []float32, err error) {
	if err := g.checkLengths(); err != nil {
		return nil, err
	}
	n, hosts, s := len(g.values[0]), g.member.hosts, &g.spread
	start, end := shard(n, g.member.Process(), len(hosts))
	s.lengths, s.sent, s.received = s.lengths[:0], s.sent[:0], s.received[:0]
	total := 0
	for p, h := range hosts {
		from, to := shard(n, p, len(hosts))
		s.lengths = append(s.lengths, to-from)
		s.sent = append(s.sent, (to-from)*len(g.values))
		s.received = append(s.received, (end-start)*len(h.Ranks))
		total += s.received[p]
	}
	s.out, s.in = grow(s.out, n*len(g.values)), grow(s.in, total)
	out := s.out
	for p := range hosts {
		from, to := shard(n, p, len(hosts))
		for _, values := range g.values {
			out = out[copy(out, values[from:to]):]
		}
	}
	if err := g.during(func() error { return g.engine.Exchange(s.out, s.sent, s.in, s.received) }); err != nil {
		return nil, err
	}
	sums = s.out[:end-start] // no longer used, and not where anything is received
	for rank, at := range s.places(hosts, g.world) {
		values := s.in[at*(end-start) : (at+1)*(end-start)]
		if rank == 0 {
			copy(sums, values)
		} else {
			add(sums, values)
		}
	}
	return sums, nil
}

// gatherSpread copies the values of each rank of all processes to all, piece by piece. The bounds are those of AllGather.
func (g *group) gatherSpread(bounds []int) error {
	const length = 1 << 18
	longest := 0
	for rank := range g.world {
		longest = max(longest, bounds[rank+1]-bounds[rank])
	}
	for done := 0; done < longest; done += length {
		piece := func(rank int) (start, end int) {
			start = min(bounds[rank]+done, bounds[rank+1])
			return start, min(start+length, bounds[rank+1])
		}
		if err := g.gatherPieces(piece); err != nil {
			return err
		}
	}
	return nil
}

// gatherPieces copies a piece of each rank to all.
func (g *group) gatherPieces(piece func(rank int) (start, end int)) error {
	hosts, s := g.member.hosts, &g.spread
	s.lengths = s.lengths[:0]
	total := 0
	for _, h := range hosts {
		n := 0
		for _, rank := range h.Ranks {
			start, end := piece(rank)
			n += end - start
		}
		s.lengths = append(s.lengths, n)
		total += n
	}
	s.out, s.in = grow(s.out, s.lengths[g.member.Process()]), grow(s.in, total)
	out := s.out
	for i, rank := range g.ranks {
		start, end := piece(rank)
		out = out[copy(out, g.values[i][start:end]):]
	}
	if err := g.during(func() error { return g.engine.Gather(s.out, s.in, s.lengths) }); err != nil {
		return err
	}
	in := s.in
	for _, h := range hosts {
		for _, rank := range h.Ranks {
			start, end := piece(rank)
			for _, values := range g.values {
				copy(values[start:end], in)
			}
			in = in[end-start:]
		}
	}
	return nil
}

// places returns where the shard of each rank is among those received.
func (s *spread) places(hosts []Host, world int) []int {
	if len(s.order) == 0 {
		s.order = make([]int, world)
		at := 0
		for _, h := range hosts {
			for _, rank := range h.Ranks {
				s.order[rank] = at
				at++
			}
		}
	}
	return s.order
}

// during runs an exchange. If the training ends meanwhile, it returns why: the exchange may never end then.
func (g *group) during(exchange func() error) error {
	done := make(chan error, 1)
	go func() { done <- exchange() }()
	select {
	case err := <-done:
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrExchange, err)
		}
		return err
	case <-g.member.Over():
		return g.member.cause()
	}
}

func grow(buffer []float32, n int) []float32 {
	if cap(buffer) < n {
		return make([]float32, n)
	}
	return buffer[:n]
}
