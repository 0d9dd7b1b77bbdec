# Another host: a network namespace that reaches this one as 192.0.2.1 and serves a page at 192.0.2.2.
if ! ip netns exec outside true 2>/dev/null; then
  ip netns add outside
  ip link add outside type veth peer name eth0 netns outside
  ip addr add 192.0.2.1/24 dev outside
  ip link set outside up
  ip -n outside addr add 192.0.2.2/24 dev eth0
  ip -n outside link set eth0 up
  ip -n outside link set lo up
  ip -n outside route add default via 192.0.2.1
  mkdir -p /run/outside
  echo outside > /run/outside/index.html
  setsid ip netns exec outside busybox httpd -f -p 80 -h /run/outside </dev/null >/dev/null 2>&1 &
fi

# from_outside: the other host reads the published page.
from_outside() { [[ $(ip netns exec outside timeout 60 busybox wget -q -O - http://192.0.2.1:8080/) == hello ]]; }

# reaches CELL URL: a container reads a page.
reaches() { kuke exec "main/$1/app" timeout 60 wget -q -O - "$2"; }

# cut_off CELL ADDRESS PORT: a container can't connect.
cut_off() { ! kuke exec "main/$1/app" timeout 20 nc "$2" "$3" </dev/null; }
