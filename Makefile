# Only Go is required. With a C compiler, the kernels are faster and `make check` works.
.PHONY: build demo test check race fuzz vgpu lint bench clean

build:
	go build -o bin/uer ./cmd/uer

demo: build
	mkdir -p build
	bin/uer preprocess --corpus_path corpora/demo.txt --vocab_path models/demo_vocab.txt --dataset_path build/demo.pt --dynamic_masking --target mlm
	bin/uer pretrain --config_path configs/demo.yaml

test:
	go test ./...

check: race fuzz

# The race detector does not see what C code accesses, so models are also trained with the portable kernels.
race:
	go test -race -short ./...
	UER_CPU=portable go test -race -short -skip TestAllocations ./internal/model ./internal/trainer

fuzz:
	scripts/fuzz.sh

# A stand-in for a GPU's driver, for tests: LD_LIBRARY_PATH=build/vgpu. It needs g++.
vgpu:
	go run ./internal/device/cuda/vgpu/build

lint:
	test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go list -f '{{join .CgoCFLAGS " "}}{{range .CFiles}} {{$$.Dir}}/{{.}}{{end}}' ./internal/kernel/native | xargs -r cc -fsyntax-only -Wextra -Werror
	if command -v shellcheck >/dev/null; then shellcheck --external-sources --source-path=SCRIPTDIR scripts/*.sh .ci/run; fi

bench:
	go test -p 1 -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin build
