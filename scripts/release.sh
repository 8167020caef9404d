#!/usr/bin/env bash
# Builds the archives of a release in build/release, or in the folder that is named. The same sources and compilers give the
# same bytes, in any folder. TARGETS chooses some of them: TARGETS="linux-amd64 windows-amd64" scripts/release.sh
#
#   linux-amd64   kernels in C, GPUs; needs the C library. Also as a package for Debian
#   linux-arm64   kernels in C; needs the C library. Also as a package for Debian
#   linux-amd64-static, linux-arm64-static, darwin-amd64, darwin-arm64, windows-amd64   plain Go, nothing else is needed
#
# make release sets GPU and what the GPU's build needs.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/release}
: "${TARGETS:=linux-amd64 linux-arm64 linux-amd64-static linux-arm64-static darwin-amd64 darwin-arm64 windows-amd64}"
version=${VERSION:-$(git describe --tags --always --dirty --abbrev=12)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export GOFLAGS=-mod=readonly LC_ALL=C TZ=UTC
umask 022

# require PROGRAM PACKAGE TARGET stops if a program is missing that a target is built with.
require() {
	command -v "$1" >/dev/null && return
	echo "$0: $3 needs $1 (Debian: $2); TARGETS can leave it out" >&2
	exit 1
}

# build OS ARCHITECTURE FILE FLAG... compiles the program.
build() {
	GOOS=$1 GOARCH=$2 go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X uer/internal/cli.release=$version" \
		-o "$3" "${@:4}" ./cmd/uer
}

# compile TARGET FILE builds the program of a target. Paths of this machine must not get into it.
compile() {
	local prefix="-ffile-prefix-map=$PWD=." gpu
	case $1 in
	linux-amd64)
		read -ra gpu <<<"${GPU:-}"
		CGO_CFLAGS="${CGO_CFLAGS:--O2 -g} $prefix" CGO_ENABLED=1 build linux amd64 "$2" "${gpu[@]}"
		;;
	linux-arm64)
		CC=aarch64-linux-gnu-gcc CGO_CFLAGS="-O2 -g $prefix" CGO_LDFLAGS='' CGO_ENABLED=1 build linux arm64 "$2"
		;;
	*)
		local os=${1%%-*} rest=${1#*-}
		CGO_ENABLED=0 build "$os" "${rest%%-*}" "$2"
		;;
	esac
}

# fill FOLDER adds what an archive holds besides the program: tracked files, manual, completion.
fill() {
	git ls-files -z -- LICENSE '*.md' docs configs models corpora ':!internal' | xargs -0 cp --parents -t "$1"
	cp -r "$work/man" "$work/completion" "$1/"
}

# archive NAME packs the folder of that name, without anything of this machine or this moment.
archive() {
	find "$work/$1" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
	if [[ $1 == *-windows-* ]]; then
		(cd "$work" && find "$1" | sort | zip -X -q -9 -@ "$work/$1.zip")
		mv "$work/$1.zip" "$out/"
	else
		tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner -C "$work" -cf - "$1" | gzip -9n >"$out/$1.tar.gz"
	fi
}

# package FOLDER ARCHITECTURE makes a package for Debian of what an archive holds.
package() {
	local root=$work/deb-$2 share number=${version#v} library
	share=$root/usr/share
	mkdir -p "$root/DEBIAN" "$root/usr/bin" "$share/man/man1" "$share/doc/uer" "$share/uer" \
		"$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
	cp "$1/uer" "$root/usr/bin/"
	cp "$1"/*.md "$1/sbom.spdx.json" "$share/doc/uer/"
	cp -r "$1/docs" "$share/doc/uer/"
	cp "$1/LICENSE" "$share/doc/uer/copyright"
	cp -r "$1/configs" "$1/models" "$1/corpora" "$share/uer/"
	for page in "$1"/man/*.1; do
		gzip -9nc "$page" >"$share/man/man1/${page##*/}.gz"
	done
	cp "$1/completion/uer.bash" "$share/bash-completion/completions/uer"
	cp "$1/completion/uer.zsh" "$share/zsh/vendor-completions/_uer"
	cp "$1/completion/uer.fish" "$share/fish/vendor_completions.d/"
	[[ $number == [0-9]*.* ]] || number=0~$number
	number=${number//-/+}
	library=$(readelf --version-info --wide "$1/uer" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -1)
	cat >"$root/DEBIAN/control" <<-END
		Package: uer
		Version: $number
		Architecture: $2
		Maintainer: the developers of uer <uer@localhost>
		Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)
		Depends: libc6 (>= ${library#GLIBC_})
		Section: science
		Priority: optional
		Description: pre-trains language models
		 An embedding, an encoder and a target, chosen by name, as UER-py does.
	END
	find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$out/uer_${number}_$2.deb" >/dev/null
}

for target in $TARGETS; do
	case $target in
	linux-amd64) require "${CC:-cc}" gcc "$target" && require dpkg-deb dpkg "$target" ;;
	linux-arm64) require aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu "$target" && require dpkg-deb dpkg "$target" ;;
	windows-*) require zip zip "$target" ;;
	esac
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/completion"
rm -f "$out"/uer[-_]* "$out/SHA256SUMS"

CGO_ENABLED=0 build "$(go env GOHOSTOS)" "$(go env GOHOSTARCH)" "$work/uer"
for shell in bash zsh fish powershell; do
	"$work/uer" completion "$shell" >"$work/completion/uer.$shell"
done
CGO_ENABLED=0 go run ./scripts/manual "$work/man"
for target in $TARGETS; do
	name=uer-$version-$target
	folder=$work/$name
	mkdir "$folder"
	program=uer
	[[ $target != windows-* ]] || program=uer.exe
	echo "$name"
	compile "$target" "$folder/$program"
	fill "$folder"
	CGO_ENABLED=0 go run ./scripts/sbom "$folder/$program" "$version" "$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" >"$folder/sbom.spdx.json"
	archive "$name"
	case $target in
	linux-amd64 | linux-arm64) package "$folder" "${target#linux-}" ;;
	esac
	rm -rf "$folder"
done
(cd "$out" && sha256sum -- uer[-_]* >SHA256SUMS)
cat "$out/SHA256SUMS"
