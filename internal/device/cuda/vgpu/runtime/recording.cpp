#include "recording.h"

#include <cstdio>
#include <memory>

namespace vgpu {

namespace {

constexpr uint64_t MAGIC = 0x3174756765727675; // of this format

using File = std::unique_ptr<FILE, int (*)(FILE *)>;

template <class T> void put(FILE *file, const T &x) { fwrite(&x, sizeof x, 1, file); }
template <class Bytes> void put_bytes(FILE *file, const Bytes &bytes) {
	put(file, (uint64_t)bytes.size());
	fwrite(bytes.data(), 1, bytes.size(), file);
}

template <class T> T get(FILE *file) {
	T x{};
	if (fread(&x, sizeof x, 1, file) != 1) return T{};
	return x;
}
template <class Bytes> Bytes get_bytes(FILE *file) {
	Bytes bytes;
	bytes.resize(get<uint64_t>(file));
	if (fread(&bytes[0], 1, bytes.size(), file) != bytes.size()) bytes.clear();
	return bytes;
}

} // namespace

bool Recording::write(const std::string &path) const {
	File file(fopen(path.c_str(), "w"), fclose);
	if (!file) return false;
	put(file.get(), MAGIC);
	put_bytes(file.get(), module);
	put_bytes(file.get(), kernel);
	put(file.get(), launch);
	put(file.get(), (uint64_t)arguments.size());
	for (const std::vector<char> &argument : arguments) put_bytes(file.get(), argument);
	put(file.get(), (uint64_t)buffers.size());
	for (const Buffer &buffer : buffers) {
		put(file.get(), buffer.address);
		put_bytes(file.get(), buffer.before);
		put_bytes(file.get(), buffer.after);
	}
	return ferror(file.get()) == 0;
}

bool Recording::read(const std::string &path) {
	File file(fopen(path.c_str(), "r"), fclose);
	if (!file || get<uint64_t>(file.get()) != MAGIC) return false;
	module = get_bytes<std::string>(file.get());
	kernel = get_bytes<std::string>(file.get());
	launch = get<Launch>(file.get());
	arguments.resize(get<uint64_t>(file.get()));
	for (std::vector<char> &argument : arguments) argument = get_bytes<std::vector<char>>(file.get());
	buffers.resize(get<uint64_t>(file.get()));
	for (Buffer &buffer : buffers) {
		buffer.address = get<uint64_t>(file.get());
		buffer.before = get_bytes<std::vector<char>>(file.get());
		buffer.after = get_bytes<std::vector<char>>(file.get());
	}
	return ferror(file.get()) == 0 && feof(file.get()) == 0;
}

} // namespace vgpu
