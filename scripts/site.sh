#!/usr/bin/env bash
# Renders the documents as a site in build/site with mdBook, and checks its links with LinkChecker:
#
#   cargo install mdbook --version 0.5.4 --locked --no-default-features --features search
#   pip install LinkChecker==10.6.0
set -euo pipefail
cd "$(dirname "$0")/.."
book=build/book
rm -rf "$book" build/site
mkdir -p "$book/src"
# The book has the files where the project has them, so that the links of the documents hold.
git ls-files -z -- '*.md' LICENSE Dockerfile Makefile docs scripts configs models corpora |
	xargs -0 cp --parents -t "$book/src"
sed -E 's,\]\(\.\./,](,; t; s,\]\(,](docs/,' docs/SUMMARY.md >"$book/src/SUMMARY.md"
rm "$book/src/docs/SUMMARY.md"
cat >"$book/book.toml" <<-'END'
	[book]
	title = "uer"
	[build]
	build-dir = "../site"
	use-default-preprocessors = false # one of them renames README.md, but not in links
	[output.html]
	no-section-label = true
	[output.html.print]
	enable = false
END
mdbook build "$book"
printf '[AnchorCheck]\n' >"$book/linkchecker"
linkchecker --config "$book/linkchecker" --no-status build/site/index.html
echo build/site/index.html
