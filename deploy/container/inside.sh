#!/bin/sh
# Enters the root of an image read-only, as its user and without capabilities, and looks around; part of verify.sh, in a
# mount namespace of its own.
set -eu
root=$1
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o uid=10001,gid=10001 tmpfs "$root/var/lib/tutormax"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
cd /
exec env -i /usr/sbin/chroot --userspec=10001:10001 --groups= "$root" setpriv --no-new-privs --inh-caps=-all \
  env PATH=/opt/tutormax/bin:/usr/local/bin:/usr/bin:/bin MPLCONFIGDIR=/tmp/matplotlib NUMBA_CACHE_DIR=/tmp/numba \
  WORKER_MODEL_SAVE_PATH=/var/lib/tutormax/models sh -euc '
    cd /var/lib/tutormax
    test "$(id -u)" = 10001
    for folder in / /opt/tutormax /etc; do
      if touch $folder/here 2>/dev/null; then echo "$folder can be written to"; exit 1; fi
    done
    touch /tmp/here /var/lib/tutormax/here
    for tool in gcc cc make pip pip3; do
      if command -v $tool; then echo "has no business in the image"; exit 1; fi
    done
    python -m tutormax settings --json >/dev/null
    python -m schedules --list >/dev/null
    python -c "
import actors, ml.candidate, ml.pictures, pyarrow.csv, pyarrow.json, pyarrow.parquet, shap, sklearn.linear_model, xgboost
import json, pathlib
listed = {one[\"name\"] for one in json.loads(pathlib.Path(\"/opt/tutormax/sbom.cdx.json\").read_text())[\"components\"]}
assert {\"tutormax\", \"dramatiq\", \"xgboost-cpu\"} <= listed, sorted(listed)
assert ml.candidate._version(\"xgboost\") == xgboost.__version__
print(\"imports of every process work;\", len(listed), \"components in the SBOM\")
"
    echo "read-only root, user 10001, no build tools: as it should be"
  '
