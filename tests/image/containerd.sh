#!/usr/bin/env bash
# tests/image/containerd.sh FOLDER ARCHIVE: imports an archive into a containerd of its own, by its name
# and in the form that `kind load image-archive` uses, and lists what came of it. Runs in mount, network and
# process namespaces made for it: all that it mounts and starts ends with it.
set -euo pipefail
folder=$1 archive=$2
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs "$folder"
ip link set lo up
cat >"$folder/config.toml" <<CONFIG
version = 2
root = "$folder/root"
state = "$folder/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$folder/socket"
CONFIG
containerd --config "$folder/config.toml" >"$folder/log" 2>&1 &
trap 'code=$?; [ $code = 0 ] || cat "$folder/log" >&2; exit $code' EXIT
for _ in $(seq 150); do
  [ ! -S "$folder/socket" ] || break
  sleep 0.2
done
images() { ctr --address "$folder/socket" --namespace k8s.io images "$@"; }
images import --snapshotter native "$archive"
images import --all-platforms --digests --snapshotter native - <"$archive"
images list
