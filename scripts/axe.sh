#!/bin/sh
# Put axe-core into build/axe.min.js, with which the tests check the accessibility of the pages. Needs npm and a network.
set -eu
version=4.14.1
cd "$(dirname "$0")/.."
mkdir -p build
packed=$(npm pack --silent --pack-destination build "axe-core@$version")
tar -xOzf "build/$packed" package/axe.min.js > build/axe.min.js.part
rm "build/$packed"
mv build/axe.min.js.part build/axe.min.js
echo "wrote build/axe.min.js"
