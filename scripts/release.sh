#!/usr/bin/env bash
# Builds the archives of a release in build/release, or the folder that is named: the same bytes from the same sources.
# TARGETS chooses some of them: TARGETS="linux-amd64 windows-amd64" scripts/release.sh
#
#   linux-amd64           kernels in C, GPUs; needs the C library
#   linux-amd64-static, linux-arm64, darwin-amd64, darwin-arm64, windows-amd64   plain Go, nothing else is needed
#
# make release sets GPU and what the GPU's build needs.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/release}
: "${TARGETS:=linux-amd64 linux-amd64-static linux-arm64 darwin-amd64 darwin-arm64 windows-amd64}"
version=${VERSION:-$(git describe --tags --always --dirty)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export GOFLAGS=-mod=readonly LC_ALL=C TZ=UTC
umask 022
mkdir -p "$out"

# compile TARGET FILE builds the program.
compile() {
	local os=${1%%-*} rest=${1#*-} flags=(-trimpath -buildvcs=false)
	local link="-s -w -buildid= -X uer/internal/cli.release=$version"
	if [[ $1 == linux-amd64 ]]; then
		read -ra gpu <<<"${GPU:-}"
		# Paths of this machine must not get into the program.
		CGO_CFLAGS="${CGO_CFLAGS:--O2 -g} -ffile-prefix-map=$PWD=." CGO_ENABLED=1 GOOS=linux GOARCH=amd64 \
			go build "${flags[@]}" "${gpu[@]}" -ldflags "$link" -o "$2" ./cmd/uer
	else
		CGO_ENABLED=0 GOOS=$os GOARCH=${rest%%-*} go build "${flags[@]}" -ldflags "$link" -o "$2" ./cmd/uer
	fi
}

# archive NAME packs the folder of that name, without anything of this machine or this moment.
archive() {
	tar --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$work" -cf - "$1" |
		gzip -9n >"$out/$1.tar.gz"
}

# package FOLDER makes a package for Debian of what an archive holds.
package() {
	local root=$work/deb installed
	mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/share/man/man1" "$root/usr/share/doc/uer" \
		"$root/usr/share/bash-completion/completions"
	cp "$1/uer" "$root/usr/bin/"
	cp "$1"/*.md "$1/LICENSE" "$root/usr/share/doc/uer/"
	for page in "$1"/man/*.1; do
		gzip -9nc "$page" >"$root/usr/share/man/man1/${page##*/}.gz"
	done
	"$1/uer" completion bash >"$root/usr/share/bash-completion/completions/uer"
	installed=$(du -sk --apparent-size "$root/usr" | cut -f1)
	local number=${version#v}
	[[ $number == [0-9]*.* ]] || number=0~$number
	cat >"$root/DEBIAN/control" <<-END
		Package: uer
		Version: ${number//-/+}
		Architecture: amd64
		Maintainer: the developers of uer <uer@localhost>
		Installed-Size: $installed
		Depends: libc6
		Section: science
		Priority: optional
		Description: pre-trains language models on the CPU and on GPUs
		 An embedding, an encoder and a target, chosen by name, as UER-py does.
	END
	find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --build "$root" "$out/uer_${number//-/+}_amd64.deb" >/dev/null
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go run ./scripts/manual "$work/man"
for target in $TARGETS; do
	name=uer-$version-$target
	folder=$work/$name
	mkdir -p "$folder"
	program=uer
	[[ $target != windows-* ]] || program=uer.exe
	echo "$name"
	compile "$target" "$folder/$program"
	cp -r "$work/man" configs models LICENSE README.md README.zh.md CHANGELOG.md "$folder/"
	go run ./scripts/sbom "$folder/$program" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" >"$folder/sbom.spdx.json"
	archive "$name"
	if [[ $target == linux-amd64 ]] && command -v dpkg-deb >/dev/null; then
		package "$folder"
	fi
done
(cd "$out" && sha256sum -- uer[-_]* >SHA256SUMS)
cat "$out/SHA256SUMS"
