package device

import "uer/internal/graph"

// Piece is a range of the flat buffer of gradients whose sums one rank gets, or all of them.
type Piece struct {
	Start, End int
	Rank       int // graph.None for all
}

// Pieces divides a range of gradients among the ranks of a divided update, of which rank r has the parameters from shares[r]
// to shares[r+1]. The norm of the gradients is added up block by block, and a block is not divided, so all ranks get the
// sums of one that lies in several shares. Nobody needs those behind the last share.
func Pieces(start, end int, shares []int, block int) []Piece {
	var pieces []Piece
	size := shares[len(shares)-1]
	for rank := 0; start < min(end, size); {
		for shares[rank+1] <= start {
			rank++
		}
		first := start / block * block
		p := Piece{Start: start, End: min(first+block, size), Rank: rank}
		if first < shares[rank] || p.End > shares[rank+1] {
			p.Rank = graph.None
		} else if p.End = shares[rank+1]; p.End < size {
			p.End = p.End / block * block
		}
		p.End = min(p.End, end)
		if n := len(pieces); n > 0 && pieces[n-1].Rank == p.Rank {
			pieces[n-1].End = p.End
		} else {
			pieces = append(pieces, p)
		}
		start = p.End
	}
	return pieces
}

// BlockShares says which rank adds up which blocks of the norm: rank r has those from the r-th number to the next one. They
// begin in its share.
func BlockShares(shares []int, block int) []int {
	blocks := make([]int, len(shares))
	for i, start := range shares {
		blocks[i] = (start + block - 1) / block
	}
	return blocks
}
