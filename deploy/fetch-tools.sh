#!/bin/sh
# Unpacks packages of Debian 13 into a folder, without installing anything: sh deploy/fetch-tools.sh FOLDER PACKAGE...
# apt checks their signatures as ever; it needs Debian or Ubuntu, its keyring, and no root.
set -eu
folder=$1
shift
mkdir -p "$folder/lists/partial" "$folder/packages"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keys] http://deb.debian.org/debian trixie main" > "$folder/trixie.list"
here=$(cd "$folder" && pwd)
options="-o Dir::Etc::sourcelist=$here/trixie.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$here/lists
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User="
# shellcheck disable=SC2086 # words
apt-get -qq $options update
# shellcheck disable=SC2086
(cd "$folder/packages" && apt-get -qq $options download "$@")
for package in "$folder"/packages/*.deb; do
  dpkg -x "$package" "$folder"
done
rm -r "$folder/lists" "$folder/packages"
