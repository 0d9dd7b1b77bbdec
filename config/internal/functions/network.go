package functions

import (
	"fmt"
	"math/big"
	"net"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kukeon/kuke/config/internal/message"
)

var networks = map[string]function.Function{
	"cidrcontains": function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "containing_prefix", Type: cty.String}, {Name: "contained_ip_or_prefix", Type: cty.String}},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			within, err := cidrContains(args[0].AsString(), args[1].AsString())
			return cty.BoolVal(within), err
		},
	}),
	"cidrhost": function.New(&function.Spec{
		Params: []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "hostnum", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, err := parsePrefix(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			number, err := wholeNumber(args[1])
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			ip, err := cidr.HostBig(prefix, number)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(ip.String()), nil
		},
	}),
	"cidrnetmask": ofTexts(func(args []string) (string, error) {
		prefix, err := parsePrefix(args[0])
		if err != nil {
			return "", function.NewArgError(0, err)
		}
		if prefix.IP.To4() == nil {
			return "", function.NewArgErrorf(0, "IPv6 has no netmasks; %s already states the length of the prefix", args[0])
		}
		return net.IP(prefix.Mask).String(), nil
	}, "prefix"),
	"cidrsubnet": function.New(&function.Spec{
		Params: []function.Parameter{{Name: "prefix", Type: cty.String}, {Name: "newbits", Type: cty.Number}, {Name: "netnum", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			prefix, err := parsePrefix(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			bits, err := moreBits(prefix, args[1], 0)
			if err != nil {
				return cty.NilVal, function.NewArgError(1, err)
			}
			number, err := wholeNumber(args[2])
			if err != nil {
				return cty.NilVal, function.NewArgError(2, err)
			}
			if number.Sign() < 0 || number.BitLen() > bits {
				return cty.NilVal, function.NewArgErrorf(2, "with %d more bits, subnets are numbered from 0 to 2^%d-1, so there is none numbered %s", bits, bits, number)
			}
			subnet, err := cidr.SubnetBig(prefix, bits, number)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(subnet.String()), nil
		},
	}),
	"cidrsubnets": function.New(&function.Spec{
		Params:   []function.Parameter{{Name: "prefix", Type: cty.String}},
		VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
		Type:     function.StaticReturnType(cty.List(cty.String)),
		Impl:     cidrSubnets,
	}),
}

func cidrSubnets(args []cty.Value, ret cty.Type) (cty.Value, error) {
	prefix, err := parsePrefix(args[0].AsString())
	if err != nil {
		return cty.NilVal, function.NewArgError(0, err)
	}
	length, _ := prefix.Mask.Size()
	var subnets []cty.Value
	var last *net.IPNet
	for i, arg := range args[1:] {
		bits, err := moreBits(prefix, arg, 1)
		if err != nil {
			return cty.NilVal, function.NewArgError(i+1, err)
		}
		if last == nil {
			last, err = cidr.SubnetBig(prefix, bits, big.NewInt(0))
		} else {
			var around bool
			if last, around = cidr.NextSubnet(last, length+bits); around || !prefix.Contains(last.IP) {
				err = fmt.Errorf("there is no room left in %s for one more subnet of /%d after %s", prefix, length+bits, subnets[i-1].AsString())
			}
		}
		if err != nil {
			return cty.NilVal, function.NewArgError(i+1, err)
		}
		subnets = append(subnets, cty.StringVal(last.String()))
	}
	return listOf(subnets, ret), nil
}

func cidrContains(containing, contained string) (bool, error) {
	outer, err := parsePrefix(containing)
	if err != nil {
		return false, function.NewArgError(0, err)
	}
	if ip := net.ParseIP(contained); ip != nil {
		if (ip.To4() == nil) != (outer.IP.To4() == nil) {
			return false, errFamily
		}
		return outer.Contains(ip), nil
	}
	inner, err := parsePrefix(contained)
	if err != nil {
		return false, function.NewArgErrorf(1, "%q is neither an address nor a range such as 10.0.0.0/8", message.Shorten(contained))
	}
	if (inner.IP.To4() == nil) != (outer.IP.To4() == nil) {
		return false, errFamily
	}
	first, last := cidr.AddressRange(inner)
	return outer.Contains(first) && outer.Contains(last), nil
}

var errFamily = function.NewArgErrorf(1, "one is IPv4 and the other IPv6, so they can't be compared")

func parsePrefix(text string) (*net.IPNet, error) {
	_, prefix, err := net.ParseCIDR(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a range of addresses such as 10.0.0.0/8", message.Shorten(text))
	}
	return prefix, nil
}

// moreBits returns the number of bits that v adds to a prefix, at least least.
func moreBits(prefix *net.IPNet, v cty.Value, least int) (int, error) {
	length, size := prefix.Mask.Size()
	bits, ok := wholeOf(v)
	if !ok || bits < least || length+bits > size {
		return 0, fmt.Errorf("must be a whole number from %d to %d, since %s has %d of %d bits already", least, size-length, prefix, length, size)
	}
	return bits, nil
}

func wholeNumber(v cty.Value) (*big.Int, error) {
	f := v.AsBigFloat()
	if !f.IsInt() {
		return nil, fmt.Errorf("must be a whole number")
	}
	n, _ := f.Int(nil)
	return n, nil
}
