// Shuffles and ballots: what the last lane to arrive does for its warp.
#include "kernel.h"

namespace vgpu {

constexpr int WARP = 32;
constexpr uint64_t UNDEFINED = 0xbad0bad0bad0bad0u; // what a lane gets from one that takes no part

// shuffle gives each lane the value of the lane that `source` names by its place in the part of the warp.
template <class Source> static void shuffle_by(void *const *lanes, Source source) {
	for (int lane = 0; lane < WARP; lane++) {
		Shuffle *mine = static_cast<Shuffle *>(lanes[lane]);
		if (mine == nullptr) continue;
		int part = lane & ~(mine->width - 1), place = lane & (mine->width - 1);
		int from = source(place, mine->argument, mine->width);
		bool inside = from >= 0 && from < mine->width;
		const Shuffle *other = static_cast<const Shuffle *>(lanes[inside ? part + from : lane]);
		mine->result = other == nullptr ? UNDEFINED : other->value;
	}
}

void shuffle_xor(void *const *lanes) {
	shuffle_by(lanes, [](int place, int argument, int) { return place ^ argument; });
}
void shuffle_down(void *const *lanes) {
	shuffle_by(lanes, [](int place, int argument, int) { return place + argument; });
}
void shuffle_up(void *const *lanes) {
	shuffle_by(lanes, [](int place, int argument, int) { return place - argument; });
}
void shuffle_index(void *const *lanes) {
	shuffle_by(lanes, [](int, int argument, int width) { return argument & (width - 1); });
}

void ballot(void *const *lanes) {
	uint64_t votes = 0;
	for (int lane = 0; lane < WARP; lane++) {
		const Shuffle *mine = static_cast<const Shuffle *>(lanes[lane]);
		if (mine != nullptr) votes |= (mine->value & 1) << lane;
	}
	for (int lane = 0; lane < WARP; lane++) {
		if (lanes[lane] != nullptr) static_cast<Shuffle *>(lanes[lane])->result = votes;
	}
}

} // namespace vgpu
