#!/bin/bash
# The agent of a guest. Its host writes a line "ID SCRIPT", the script in base64, to a port of the virtual machine; the
# agent runs it with bash and answers with a line "ID STATUS OUTPUT", the output of both streams, in base64 too.
port=/dev/virtio-ports/agent
mkdir -p /run/kuke-agent
until [[ -e $port ]]; do sleep 0.2; done
exec 3<>"$port"
while read -r id script <&3; do
  [[ -n $script ]] || continue
  base64 -d <<<"$script" >/run/kuke-agent/script
  bash /run/kuke-agent/script </dev/null >/run/kuke-agent/output 2>&1 3>&-
  status=$?
  echo "$id $status $(base64 -w 0 /run/kuke-agent/output)" >&3
done
