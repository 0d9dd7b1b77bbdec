package functions

import (
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/kukeon/kuke/config/internal/message"
)

var collections = map[string]function.Function{
	"alltrue":                allTrueFunc,
	"anytrue":                anyTrueFunc,
	"chunklist":              stdlib.ChunklistFunc,
	"coalesce":               coalesceFunc,
	"coalescelist":           stdlib.CoalesceListFunc,
	"compact":                stdlib.CompactFunc,
	"concat":                 stdlib.ConcatFunc,
	"contains":               stdlib.ContainsFunc,
	"distinct":               distinctFunc,
	"element":                stdlib.ElementFunc,
	"flatten":                stdlib.FlattenFunc,
	"index":                  indexFunc,
	"keys":                   stdlib.KeysFunc,
	"length":                 lengthFunc,
	"lookup":                 lookupFunc,
	"matchkeys":              matchKeysFunc,
	"merge":                  mergeFunc,
	"one":                    oneFunc,
	"range":                  stdlib.RangeFunc,
	"reverse":                stdlib.ReverseListFunc,
	"setintersection":        stdlib.SetIntersectionFunc,
	"setproduct":             stdlib.SetProductFunc,
	"setsubtract":            stdlib.SetSubtractFunc,
	"setsymmetricdifference": stdlib.SetSymmetricDifferenceFunc,
	"setunion":               stdlib.SetUnionFunc,
	"slice":                  stdlib.SliceFunc,
	"sort":                   stdlib.SortFunc,
	"transpose":              transposeFunc,
	"values":                 stdlib.ValuesFunc,
	"zipmap":                 stdlib.ZipmapFunc,
}

func boundSetProduct(args []cty.Value) error {
	s := size{elements: len(args)}
	for _, arg := range args {
		elements, ok := elementsOf(arg)
		if !ok || len(elements) == 0 {
			return nil
		}
		if s.elements *= len(elements); s.elements > maxElements {
			break
		}
	}
	return s.bound(ofResult)
}

var (
	allTrueFunc = ofBools(false)
	anyTrueFunc = ofBools(true)
)

// ofBools makes a function that returns decisive if any of the values equals it, else the opposite.
func ofBools(decisive bool) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			unknown := false
			for it := args[0].ElementIterator(); it.Next(); {
				switch _, v := it.Element(); {
				case !v.IsKnown():
					unknown = true
				case (!v.IsNull() && v.True()) == decisive:
					return cty.BoolVal(decisive), nil
				}
			}
			if unknown {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(!decisive), nil
		},
	})
}

// coalesceFunc, unlike that of stdlib, skips empty texts too, as Terraform does.
var coalesceFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{
		Name: "vals", Type: cty.DynamicPseudoType,
		AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	},
	Type: func(args []cty.Value) (cty.Type, error) { return stdlib.CoalesceFunc.ReturnTypeForValues(args) },
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		var passed []cty.ValueMarks
		for _, arg := range args {
			v, err := convert.Convert(arg, ret)
			if err != nil {
				return cty.NilVal, err
			}
			v, marks := v.Unmark()
			passed = append(passed, marks)
			if !v.IsKnown() {
				return cty.UnknownVal(ret).WithMarks(passed...), nil
			}
			if !v.IsNull() && (v.Type() != cty.String || v.AsString() != "") {
				return v.WithMarks(passed...), nil
			}
		}
		return cty.NilVal, errors.New("all arguments are null or empty texts")
	},
})

// distinctFunc, unlike that of stdlib, doesn't compare each element with every other.
var distinctFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.List(cty.DynamicPseudoType)}},
	Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ret), nil
		}
		var list []cty.Value
		seen := lookupTable{}
		for it := args[0].ElementIterator(); it.Next(); {
			if _, v := it.Element(); seen.add(v) {
				list = append(list, v)
			}
		}
		return listOf(list, ret), nil
	},
})

// A lookupTable holds known values, by their hash.
type lookupTable map[int][]cty.Value

func (t lookupTable) has(v cty.Value) bool {
	return slices.ContainsFunc(t[v.Hash()], v.RawEquals)
}

// add returns false if the table holds v already.
func (t lookupTable) add(v cty.Value) bool {
	if t.has(v) {
		return false
	}
	hash := v.Hash()
	t[hash] = append(t[hash], v)
	return true
}

func listOf(elements []cty.Value, ty cty.Type) cty.Value {
	if len(elements) == 0 {
		return cty.ListValEmpty(ty.ElementType())
	}
	return cty.ListVal(elements)
}

var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "list", Type: cty.DynamicPseudoType},
		{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true},
	},
	Type:         function.StaticReturnType(cty.Number),
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if ty := args[0].Type(); !ty.IsListType() && !ty.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "must be a list or a tuple, and not %s", ty.FriendlyName())
		}
		elements, _ := elementsOf(args[0])
		for i, v := range elements {
			switch equal, err := stdlib.Equal(v, args[1]); {
			case err != nil:
				return cty.NilVal, err
			case !equal.IsKnown():
				return cty.UnknownVal(cty.Number), nil
			case equal.True():
				return cty.NumberIntVal(int64(i)), nil
			}
		}
		return cty.NilVal, errors.New("the value is not in the list")
	},
})

// lengthFunc, unlike that of stdlib, takes texts and objects too. Sensitive elements don't make the length of a list
// sensitive.
var lengthFunc = function.New(&function.Spec{
	Params: []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	}},
	Type: func(args []cty.Value) (cty.Type, error) {
		if ty := args[0].Type(); ty != cty.DynamicPseudoType && ty != cty.String && !ty.IsCollectionType() && !ty.IsTupleType() && !ty.IsObjectType() {
			return cty.NilType, function.NewArgErrorf(0, "must be a text, a list, a set, a tuple, a map or an object, and not %s", ty.FriendlyName())
		}
		return cty.Number, nil
	},
	RefineResult: notNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		switch ty := v.Type(); {
		case ty == cty.DynamicPseudoType:
			return cty.UnknownVal(cty.Number).WithMarks(marks), nil
		case ty == cty.String:
			n, err := stdlib.Strlen(v)
			return n.WithMarks(marks), err
		case ty.IsObjectType():
			return cty.NumberIntVal(int64(len(ty.AttributeTypes()))).WithMarks(marks), nil
		}
		n, err := stdlib.Length(v)
		if err != nil {
			return cty.NilVal, err
		}
		return n.WithMarks(marks), nil
	},
})

// lookupFunc, unlike that of stdlib, can do without a default, as Terraform's.
var lookupFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "map", Type: cty.DynamicPseudoType, AllowMarked: true},
		{Name: "key", Type: cty.String, AllowMarked: true},
	},
	VarParam: &function.Parameter{
		Name: "default", Type: cty.DynamicPseudoType,
		AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	},
	Type: func(args []cty.Value) (cty.Type, error) {
		switch ty := args[0].Type(); {
		case len(args) > 3:
			return cty.NilType, errors.New("takes two or three arguments: a map, a key, and a default")
		case ty.IsMapType():
			return ty.ElementType(), nil
		case ty.IsObjectType():
			key, ok := textOf(args[1])
			switch {
			case !ok:
				return cty.DynamicPseudoType, nil
			case ty.HasAttribute(key):
				return ty.AttributeType(key), nil
			case len(args) == 3:
				return args[2].Type(), nil
			}
			return cty.DynamicPseudoType, nil
		default:
			return cty.NilType, function.NewArgErrorf(0, "must be a map or an object, and not %s", ty.FriendlyName())
		}
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		m, marks := args[0].Unmark()
		key, keyMarks := args[1].Unmark()
		marks = cty.NewValueMarks(marks, keyMarks)
		name := key.AsString()
		switch {
		case m.Type().IsObjectType() && m.Type().HasAttribute(name):
			return m.GetAttr(name).WithMarks(marks), nil
		case m.Type().IsMapType() && m.HasIndex(key).True():
			return m.Index(key).WithMarks(marks), nil
		case len(args) == 3:
			v, err := convert.Convert(args[2], ret)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(2, "must be of the type of the map's elements: %w", err)
			}
			return v.WithMarks(marks), nil
		}
		if _, hidden := marks[Sensitive]; hidden {
			return cty.NilVal, errors.New("the key is not in the map, and there is no default")
		}
		return cty.NilVal, function.NewArgErrorf(1, "the key %q is not in the map, and there is no default", message.Shorten(name))
	},
})

var matchKeysFunc = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) {
		if ty, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); ty == cty.NilType {
			return cty.NilType, errors.New("keys and searchset must hold values of the same type")
		}
		return args[0].Type(), nil
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, errors.New("there must be as many keys as values")
		}
		if !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
			return cty.UnknownVal(ret), nil
		}
		ty, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()})
		for _, i := range []int{1, 2} {
			var err error
			if args[i], err = convert.Convert(args[i], ty); err != nil {
				return cty.NilVal, function.NewArgError(i, err)
			}
		}
		wanted := lookupTable{}
		for _, v := range args[2].AsValueSlice() {
			wanted.add(v)
		}
		var result []cty.Value
		values := args[0].AsValueSlice()
		for i, key := range args[1].AsValueSlice() {
			if wanted.has(key) {
				result = append(result, values[i])
			}
		}
		return listOf(result, ret), nil
	},
})

// mergeFunc, unlike that of stdlib, keeps the mark of a sensitive null: the result shows that it is null.
var mergeFunc = function.New(&function.Spec{
	VarParam: stdlib.MergeFunc.VarParam(),
	Type:     func(args []cty.Value) (cty.Type, error) { return stdlib.MergeFunc.ReturnTypeForValues(args) },
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, err := stdlib.MergeFunc.Call(args)
		if err != nil {
			return cty.NilVal, err
		}
		for _, arg := range args {
			_, marks := arg.Unmark()
			v = v.WithMarks(marks)
		}
		return v, nil
	},
})

var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType, AllowMarked: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		switch ty := args[0].Type(); {
		case ty.IsListType() || ty.IsSetType():
			return ty.ElementType(), nil
		case ty.IsTupleType() && ty.Length() == 0:
			return cty.DynamicPseudoType, nil
		case ty.IsTupleType() && ty.Length() == 1:
			return ty.TupleElementType(0), nil
		case ty.IsTupleType():
			return cty.NilType, errMany
		default:
			return cty.NilType, function.NewArgErrorf(0, "must be a list, a set or a tuple, and not %s", ty.FriendlyName())
		}
	},
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		list, marks := args[0].Unmark()
		if !list.Length().IsKnown() {
			return cty.UnknownVal(ret).WithMarks(marks), nil
		}
		switch list.LengthInt() {
		case 0:
			return cty.NullVal(ret).WithMarks(marks), nil
		case 1:
			return list.AsValueSlice()[0].WithMarks(marks), nil
		}
		return cty.NilVal, errMany
	},
})

var errMany = function.NewArgErrorf(0, "must hold no value or one, but holds more")

var transposeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "values", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, ret cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ret), nil
		}
		// The elements of a map come in the order of their keys.
		keys := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); {
			key, list := it.Element()
			elements, ok := elementsOf(list)
			if !ok {
				return cty.NilVal, function.NewArgErrorf(0, "must hold no null")
			}
			for _, v := range elements {
				if v.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "must hold no null")
				}
				keys[v.AsString()] = append(keys[v.AsString()], key)
			}
		}
		if len(keys) == 0 {
			return cty.MapValEmpty(ret.ElementType()), nil
		}
		result := map[string]cty.Value{}
		for _, name := range slices.Collect(maps.Keys(keys)) {
			result[name] = cty.ListVal(keys[name])
		}
		return cty.MapVal(result), nil
	},
})

// typeFunc returns the type of a value in the syntax of a variable's type. It is known where the value isn't.
var typeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		return cty.StringVal(typeexpr.TypeString(args[0].Type())), nil
	},
})
