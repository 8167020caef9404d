// How the warps of a block share out rows: as many of them work through a row as its width needs.
#pragma once
#include "elements.h"
#include "warp.h"

struct Team {
	int warps, teams;   // of a row, and in the block
	int number, member; // this warp's team and place in it; a number that is not less than teams is of no team
};

// team_of is for warps that take so many columns each, in blocks of so many warps.
DEVFN Team team_of(int width, int columns, int warps_of_block) {
	Team t;
	t.warps = (width + columns - 1) / columns, t.teams = warps_of_block / t.warps;
	int warp = threadIdx.x >> 5;
	t.number = warp / t.warps, t.member = warp % t.warps;
	return t;
}

// team_sum adds up x over the threads of a team. All threads of the block call it. Shared memory, a number a warp, may be used
// again after the next barrier.
DEVFN float team_sum(float x, const Team &t, float *shared) {
	x = warp_sum(x);
	if (t.warps == 1) return x;
	if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5] = x;
	__syncthreads();
	if (t.number >= t.teams) return x;
	x = shared[t.number * t.warps];
#pragma unroll 1
	for (int w = 1; w < t.warps; w++) x += shared[t.number * t.warps + w];
	return x;
}

// team_sum of two numbers.
DEVFN void team_sum(float &x, float &y, const Team &t, float (*shared)[2]) {
	x = warp_sum(x), y = warp_sum(y);
	if (t.warps == 1) return;
	if ((threadIdx.x & 31) == 0) shared[threadIdx.x >> 5][0] = x, shared[threadIdx.x >> 5][1] = y;
	__syncthreads();
	if (t.number >= t.teams) return;
	x = shared[t.number * t.warps][0], y = shared[t.number * t.warps][1];
#pragma unroll 1
	for (int w = 1; w < t.warps; w++) x += shared[t.number * t.warps + w][0], y += shared[t.number * t.warps + w][1];
}
