#!/bin/sh
# Builds the image and runs it as it is meant to be run, without a Docker engine: `make verify-image`.
#
# buildah builds with chroot isolation. The base is PYTHON_IMAGE if that is set and can be pulled, else Debian 12 with its
# Python, made by mmdebstrap. What was built is mounted and entered with a read-only root, /tmp and /var/lib/tutormax as
# tmpfs, as user 10001, without capabilities. Needs root and: apt-get install buildah mmdebstrap.
set -eu
cd "$(dirname "$0")/../.."
tag=localhost/tutormax:verify
work=build/image
mkdir -p $work
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER="${STORAGE_DRIVER:-overlay}"
if [ -z "${PYTHON_IMAGE:-}" ]; then
  PYTHON_IMAGE=localhost/python:debian
  if ! buildah inspect --type image $PYTHON_IMAGE >/dev/null 2>&1; then
    mmdebstrap --quiet --variant=minbase --include=python3-minimal,python3-venv,ca-certificates bookworm $work/base.tar
    container=$(buildah from scratch)
    buildah add --quiet "$container" $work/base.tar / >/dev/null
    buildah commit --quiet "$container" $PYTHON_IMAGE >/dev/null
    buildah rm "$container" >/dev/null
    rm $work/base.tar
  fi
fi
# Where pip finds packages on this machine it finds them in the build.
volumes="--volume /etc/ssl/certs:/etc/ssl/certs:ro"
for path in /etc/pip.conf ${PIP_FOLDERS:-}; do
  [ ! -e "$path" ] || volumes="$volumes --volume $path:$path:ro"
done
# shellcheck disable=SC2086 # words
buildah build --quiet --layers=false --format docker --build-arg PYTHON_IMAGE="$PYTHON_IMAGE" \
  --build-arg REVISION="$(git rev-parse HEAD)" $volumes --file deploy/container/Dockerfile --tag $tag . >/dev/null
container=$(buildah from $tag)
root=$(buildah mount "$container")
status=0
unshare --mount sh deploy/container/inside.sh "$root" || status=$?
echo "size of the image: $(buildah images --format '{{.Size}}' $tag), of which the base: $(buildah images --format '{{.Size}}' "$PYTHON_IMAGE")"
buildah umount "$container" >/dev/null
buildah rm "$container" >/dev/null
exit $status
