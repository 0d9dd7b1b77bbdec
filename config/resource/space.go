package resource

// Space groups stacks that share a network: a bridge of its own, with a subnet. It has a cgroup.
type Space struct {
	Network *Network `json:"network,omitempty" kuke:"live" doc:"The network of the space."`
	Common
}

// Kind returns [KindSpace].
func (*Space) Kind() Kind { return KindSpace }

// Network configures the network of a space. The default is a free subnet of the pool, from which every address outside
// of other spaces may be reached.
type Network struct {
	Subnet   string  `json:"subnet,omitempty" kuke:"early,live,check=subnet" doc:"IPv4 subnet in CIDR form, such as 10.1.2.0/24. Default: a free /24 of the pool."`
	Subnet6  string  `json:"subnet6,omitempty" kuke:"early,live,check=subnet6" doc:"IPv6 subnet in CIDR form, such as fd00:1:2:3::/64, or auto for a unique local /64 that follows from the path, and that the space then keeps. Default: no IPv6."`
	Internal bool    `json:"internal,omitempty" kuke:"live" doc:"Whether its cells are kept from beginning connections to the outside of the space. Published ports are still served."`
	Egress   *Egress `json:"egress,omitempty" kuke:"live" doc:"Destinations outside of the space that its cells may connect to."`
}

// Egress is an allow-list for connections that cells begin to the outside of their space.
type Egress struct {
	Default string       `json:"default,omitempty" kuke:"live,check=verdict,default=allow" doc:"Verdict on destinations that are not in allow: allow or deny."`
	Allow   []EgressRule `json:"allow,omitempty" kuke:"live,key=cidr" doc:"Destinations that are allowed even by the default deny."`
}

// EgressRule allows connections to the addresses of a subnet.
type EgressRule struct {
	CIDR  string   `json:"cidr" kuke:"live,required,check=cidr" doc:"The destination: an IPv4 or IPv6 subnet in CIDR form, or a single address."`
	Ports []string `json:"ports,omitempty" kuke:"live,type=set,check=egressport" doc:"Ports: port[/tcp|/udp|/sctp], or a range such as 8000-8010. Default: every port and protocol."`
}

// SubnetAuto is the value of [Network.Subnet6] that leaves the choice to kuke.
const SubnetAuto = "auto"

// EgressDeny is the verdict that lets only allowed destinations through; the other verdict is "allow".
const EgressDeny = "deny"
