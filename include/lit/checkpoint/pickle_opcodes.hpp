// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace lit::detail {

/// The opcodes of pickle's protocols 2 to 5, by the names of Python's `pickletools`.
enum class Opcode : std::uint8_t {
    mark = '(',
    stop = '.',
    pop = '0',
    pop_mark = '1',
    dup = '2',
    binfloat = 'G',
    binint = 'J',
    binint1 = 'K',
    binint2 = 'M',
    none = 'N',
    binpersid = 'Q',
    reduce = 'R',
    binstring = 'T',
    short_binstring = 'U',
    binunicode = 'X',
    append = 'a',
    build = 'b',
    global = 'c',
    dict = 'd',
    appends = 'e',
    binget = 'h',
    long_binget = 'j',
    list = 'l',
    binput = 'q',
    long_binput = 'r',
    setitem = 's',
    tuple = 't',
    setitems = 'u',
    empty_dict = '}',
    empty_list = ']',
    empty_tuple = ')',
    proto = 0x80,
    newobj = 0x81,
    tuple1 = 0x85,
    tuple2 = 0x86,
    tuple3 = 0x87,
    newtrue = 0x88,
    newfalse = 0x89,
    long1 = 0x8a,
    long4 = 0x8b,
    binbytes = 'B',
    short_binbytes = 'C',
    short_binunicode = 0x8c,
    binunicode8 = 0x8d,
    binbytes8 = 0x8e,
    empty_set = 0x8f,
    additems = 0x90,
    frozenset = 0x91,
    newobj_ex = 0x92,
    stack_global = 0x93,
    memoize = 0x94,
    frame = 0x95,
    bytearray8 = 0x96,
};

/// How PyTorch spells a dtype in a pickle.
struct DtypeName {
    c10::ScalarType dtype;
    std::string_view name;     ///< `torch.<name>`
    std::string_view storage;  ///< `torch.<storage>`; empty where only `_rebuild_tensor_v3` will do
};

inline constexpr std::array dtype_names{
    DtypeName{c10::ScalarType::Float, "float32", "FloatStorage"},
    DtypeName{c10::ScalarType::Double, "float64", "DoubleStorage"},
    DtypeName{c10::ScalarType::Half, "float16", "HalfStorage"},
    DtypeName{c10::ScalarType::BFloat16, "bfloat16", "BFloat16Storage"},
    DtypeName{c10::ScalarType::Long, "int64", "LongStorage"},
    DtypeName{c10::ScalarType::Int, "int32", "IntStorage"},
    DtypeName{c10::ScalarType::Short, "int16", "ShortStorage"},
    DtypeName{c10::ScalarType::Char, "int8", "CharStorage"},
    DtypeName{c10::ScalarType::Byte, "uint8", "ByteStorage"},
    DtypeName{c10::ScalarType::Bool, "bool", "BoolStorage"},
    DtypeName{c10::ScalarType::ComplexFloat, "complex64", "ComplexFloatStorage"},
    DtypeName{c10::ScalarType::ComplexDouble, "complex128", "ComplexDoubleStorage"},
    DtypeName{c10::ScalarType::ComplexHalf, "complex32", ""},
    DtypeName{c10::ScalarType::UInt16, "uint16", ""},
    DtypeName{c10::ScalarType::UInt32, "uint32", ""},
    DtypeName{c10::ScalarType::UInt64, "uint64", ""},
    DtypeName{c10::ScalarType::Float8_e5m2, "float8_e5m2", ""},
    DtypeName{c10::ScalarType::Float8_e4m3fn, "float8_e4m3fn", ""},
    DtypeName{c10::ScalarType::Float8_e5m2fnuz, "float8_e5m2fnuz", ""},
    DtypeName{c10::ScalarType::Float8_e4m3fnuz, "float8_e4m3fnuz", ""},
    DtypeName{c10::ScalarType::Float8_e8m0fnu, "float8_e8m0fnu", ""},
};

}  // namespace lit::detail
