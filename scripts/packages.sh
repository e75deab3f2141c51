#!/usr/bin/env bash
# Installs the Debian packages that the demo and the tests use, when they are missing.
set -euo pipefail

declare -A needed=([sipp]=sip-tester [tshark]=tshark [espeak-ng]=espeak-ng [ffmpeg]=ffmpeg
    [redis-server]=redis-server [kamailio]=kamailio [ip]=iproute2 [rtpengine]=rtpengine)
missing=()
for command in "${!needed[@]}"; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null || missing+=("${needed[$command]}")
done
# Libraries that only encode for the tests: G.729 and AMR-WB.
declare -A libraries=([libbcg729.so.0]=libbcg729-0 [libvo-amrwbenc.so.0]=libvo-amrwbenc0)
known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
for library in "${!libraries[@]}"; do
    grep -q "$library" <<<"$known" || missing+=("${libraries[$library]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "== installing Debian packages: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "these programs are needed and apt-get is not there to install them: ${missing[*]}" >&2
    exit 1
fi
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)

# redis-server and kamailio must not start: the tests start their own. This is how Debian asks for that.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
fi
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
