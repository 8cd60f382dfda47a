#!/bin/sh
# Sourced by the lints that are shell scripts: goes to the root of the tree,
# or to DIR of --root DIR, and lists files. Knows nothing of what they hold.
lint_dir=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" = --root ]; then
	cd "$2" || exit
else
	cd "$lint_dir/../.." || exit
fi

# tree_files GLOB...: one a line. Git's view in a checkout, less what was
# deleted and not yet committed; everything outside build elsewhere.
tree_files() {
	if [ -e .git ]; then
		git -c core.quotePath=false ls-files --cached --others \
			--exclude-standard -- "$@"
	else
		for glob in "$@"; do
			find . -path ./build -prune -o -type f -name "$glob" -print
		done
	fi | while IFS= read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}
