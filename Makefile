# Only Go is required. With a C compiler, the kernels are faster, `make check` works, and on Linux the program can use GPUs.
.PHONY: build release manual site recipe-pages gloo demo test check race fuzz vgpu gpu-check lint gpu-flags bench clean

# The tag gpu adds the GPUs. gorgonia.org/cu finds cuda.h, and a libcuda to link with, through the environment only, which
# replaces what Go compiles C with otherwise.
ifeq ($(shell go env GOOS CGO_ENABLED | xargs),linux 1)
GPU = -tags gpu
export CGO_CFLAGS := $(or $(CGO_CFLAGS),-O2 -g) "-I$(CURDIR)/internal/cuda"
export CGO_LDFLAGS := $(CGO_LDFLAGS) "-L$(CURDIR)/internal/cuda/lib"
endif

build:
	go build $(GPU) -o bin/uer ./cmd/uer

# Archives of all systems in build/release, the same bytes each time. It needs C compilers for x86-64 and arm64, dpkg-deb and zip;
# TARGETS="linux-amd64 darwin-arm64" builds these alone.
release:
	GPU="$(GPU)" scripts/release.sh

# The man pages, in build/man.
manual:
	go run ./scripts/manual build/man

# The documents as pages of HTML in build/site. It needs mdBook and LinkChecker (see scripts/site.sh).
site:
	scripts/site.sh

# Trains a small model of each recipe, and puts curves, time and memory into docs/recipes: 3 minutes of CPU time each, on Linux.
# RECIPES="gpt gpt2" makes these pages alone.
recipe-pages: build
	go run ./scripts/recipes bin/uer $(RECIPES)

# What connects processes on CPUs. It needs g++ and Gloo (Debian: libgloo-dev).
gloo:
	mkdir -p bin
	$${CXX:-g++} -std=c++17 -O2 -shared -fPIC -Iinternal/gloo -o bin/libuer_gloo.so internal/gloo/library/gloo.cpp -lgloo

demo: build
	mkdir -p build
	bin/uer preprocess --corpus_path corpora/demo.txt --vocab_path models/demo_vocab.txt --dataset_path build/demo.pt --dynamic_masking --target mlm
	bin/uer pretrain --config_path configs/demo.yaml
	echo '明[MASK]晴，微风，二十度。' | bin/uer fill --load_model_path build/demo_model.bin-3000 --topn 5

# Vet is a part of lint.
test:
	$(if $(GPU),@command -v $${CXX:-g++} >/dev/null || echo "The tests of GPUs are skipped: g++ is missing.")
	go test $(GPU) -vet=off -timeout 20m ./...

check: race fuzz

TRAINED = internal/model internal/trainer

# The race detector does not see what C code accesses, so models are trained with the portable kernels.
race:
	go test -race -short -vet=off -timeout 20m $$(go list ./... | grep -v -x -F $(TRAINED:%=-e uer/%))
	UER_CPU=portable go test -race -short -vet=off -skip TestAllocations $(TRAINED:%=./%)

fuzz:
	scripts/fuzz.sh

# A stand-in for a GPU's driver, for tests: LD_LIBRARY_PATH=build/vgpu. It needs g++.
vgpu:
	go run ./internal/device/cuda/vgpu/build

# Kernels under ThreadSanitizer and AddressSanitizer, and without each barrier in turn. It needs g++ and clang-19. With
# ptxas in the path (pip install nvidia-cuda-nvcc) the PTX is assembled; a cuBLASLt (pip install nvidia-cublas) is given the
# descriptions of products. It takes an hour; MODULES=norm_bf16,sums are the only ones that are played again.
gpu-check: vgpu
	rm -rf build/vgpu/recorded
	mkdir -p build/vgpu/recorded
	UER_LIBCUDA=$(CURDIR)/build/vgpu/libcuda.so.1 UER_CUDA_LIB=$(CURDIR)/build/vgpu VGPU_RECORD=$(CURDIR)/build/vgpu/recorded \
		go test -count=1 -timeout 1h -tags gpu ./internal/device/cuda/...
	go run ./internal/device/cuda/vgpu/check -modules "$(MODULES)"
	go test -count=1 -tags gpu -v -run TestDescriptors ./internal/cuda

lint:
	test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	$(if $(GPU),go vet $(GPU) ./...)
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go vet ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(GPU) ./...
	go list $(GPU) -f '{{join .CgoCFLAGS " "}}{{range .CFiles}} {{$$.Dir}}/{{.}}{{end}}' ./internal/kernel/native ./internal/cuda | xargs -r cc -fsyntax-only -Wextra -Werror
	if command -v shellcheck >/dev/null; then shellcheck --external-sources --source-path=SCRIPTDIR scripts/*.sh scripts/gpu/*.sh scripts/cluster/*.sh .ci/run; fi

# The environment that the tag gpu needs, for scripts.
gpu-flags:
	@echo 'export CGO_CFLAGS="$(subst ",,$(CGO_CFLAGS))" CGO_LDFLAGS="$(subst ",,$(CGO_LDFLAGS))"'

bench:
	go test $(GPU) -p 1 -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin build
