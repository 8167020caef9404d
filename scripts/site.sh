#!/usr/bin/env bash
# Renders docs/ as a site in build/site with mdBook (cargo install mdbook). Links to files outside docs/ are left as they are.
set -euo pipefail
cd "$(dirname "$0")/.."
book=build/book
rm -rf "$book"
mkdir -p "$book"
cp -r docs "$book/src"
cp README.md "$book/src/index.md"
# In the book, the README lies beside the pages.
sed -i -E 's,\(docs/([a-z-]+\.md),(\1,g' "$book/src/index.md"
sed -i -E 's,\(\.\./README\.md,(index.md,g' "$book"/src/*.md
cat >"$book/book.toml" <<-'END'
	[book]
	title = "uer"
	[build]
	build-dir = "../site"
END
mdbook build "$book"

echo build/site/index.html
