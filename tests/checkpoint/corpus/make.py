# SPDX-License-Identifier: Apache-2.0
"""Makes the files of this folder: what a hostile or broken file may look like, and what only looks strange.

    python make.py

refused/ holds files that lit has to refuse with a message, read/ files that it has to read although they name classes that it
does not know. Only Python's standard library is needed; nothing in the files is run by making them.
"""

import io
import pathlib
import struct
import zipfile

FOLDER = pathlib.Path(__file__).parent
PROTO2 = b"\x80\x02"
PROTO4 = b"\x80\x04"


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def name(module, function):
    return b"c" + module.encode() + b"\n" + function.encode() + b"\n"


def call(module, function, *arguments):
    return name(module, function) + b"(" + b"".join(arguments) + b"tR"


def number(value):
    return b"J" + struct.pack("<i", value)


def archive(pickle, records=(), byteorder=b"little", compression=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as target:
        for entry, content in [("data.pkl", pickle), ("byteorder", byteorder), *records, ("version", b"3\n")]:
            if content is not None:
                target.writestr(zipfile.ZipInfo("archive/" + entry), content, compression)
    return out.getvalue()


def pt(body):
    return archive(PROTO2 + body + b".")


def storage(key="0", count=4, kind="FloatStorage"):
    return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(store, offset=0, sizes=(4,), strides=(1,)):
    ints = [b"(" + b"".join(number(v) for v in values) + b"t" for values in (sizes, strides)]
    return (name("torch._utils", "_rebuild_tensor_v2") + b"(" + store + number(offset) + ints[0] + ints[1] + b"\x89"
            + name("collections", "OrderedDict") + b")RtR")


def floats(body, count=4):
    return archive(PROTO2 + body + b".", [("data/0", struct.pack(f"<{count}f", *range(count)))])


def bomb(levels=40, width=10):
    """Lists of the same list: small to write, without end to unfold."""
    out = b"]q\x00"
    for level in range(1, levels):
        out += b"(" + b"h" + bytes([level - 1])
        out += (b"h" + bytes([level - 1])) * (width - 1) + b"l" + b"q" + bytes([level])
    return out


def hostile():
    evil = call("posix", "system", text("touch /tmp/lit_was_here"))
    yield "posix_system", pt(evil)
    yield "nt_system", pt(call("nt", "system", text("calc.exe")))
    yield "os_popen", pt(call("os", "popen", text("id")))
    yield "subprocess_popen", pt(call("subprocess", "Popen", b"(" + text("id") + b"l"))
    yield "subprocess_newobj", pt(name("subprocess", "Popen") + b"(" + text("id") + b"t\x81")
    yield "subprocess_newobj_ex", archive(PROTO4 + name("subprocess", "Popen") + b"(" + text("id") + b"t}\x92.")
    for function in ("eval", "exec", "compile", "__import__", "open", "input", "breakpoint"):
        yield f"builtins_{function.strip('_')}", pt(call("builtins", function, text("1")))
    yield "python2_eval", pt(call("__builtin__", "eval", text("1")))
    yield "stack_global_exec", archive(PROTO4 + b"\x8c\x08builtins\x8c\x04exec\x93\x8c\x011\x85R.")
    yield "runpy", pt(call("runpy", "_run_code", text("1"), b"}"))
    yield "importlib", pt(call("importlib", "import_module", text("antigravity")))
    yield "socket", pt(call("socket", "create_connection", b"(" + text("127.0.0.1") + number(9) + b"t"))
    yield "shutil_rmtree", pt(call("shutil", "rmtree", text("/tmp/none")))
    yield "ctypes", pt(call("ctypes", "CDLL", text("libc.so.6")))
    yield "marshal", pt(call("marshal", "loads", text("x")))
    yield "pickle_in_pickle", pt(call("pickle", "loads", text("x")))
    yield "function_type", pt(call("types", "FunctionType", b"N}"))
    yield "torch_hub", pt(call("torch.hub", "load", text("a/b"), text("c")))
    yield "torch_load", pt(call("torch", "load", text("other.pt")))
    yield "webbrowser", pt(call("webbrowser", "open", text("http://127.0.0.1")))
    yield "sys_modules", pt(call("sys", "settrace", b"N"))
    yield "in_a_list", pt(b"(" + number(1) + evil + number(2) + b"l")
    yield "as_a_key", pt(b"}" + evil + number(1) + b"s")
    yield "in_hyper_parameters", pt(b"}(" + text("state_dict") + b"}" + text("hyper_parameters") + b"}" + text("lr") + evil + b"su")
    yield "in_the_hooks_of_a_tensor", floats(tensor(storage())[:-2] + b"0" + evil + b"tR")
    yield "in_the_state_of_an_object", pt(name("my.module", "Thing") + b")\x81}" + text("x") + evil + b"sb")
    yield "thrown_away", pt(evil + b"0" + number(1))
    yield "in_the_memo", pt(evil + b"q\x000h\x00")
    yield "behind_a_partial", pt(call("functools", "partial", name("posix", "system")) + b"0" + evil)


def malformed():
    yield "inst", archive(b"(" + text("id") + b"iposix\nsystem\n.")
    yield "obj", archive(PROTO2 + b"(" + name("posix", "system") + text("id") + b"o.")
    yield "extension", pt(b"\x82\x01")
    yield "text_persistent_id", pt(b"Pstorage\n")
    yield "reduce_of_a_text", pt(text("x") + b")R")
    yield "reduce_without_arguments", pt(name("collections", "OrderedDict") + b"R")
    yield "arguments_that_are_no_tuple", pt(name("collections", "OrderedDict") + number(1) + b"R")
    yield "empty", pt(b"")
    yield "nothing_at_all", archive(b"")
    yield "no_stop", archive(PROTO2 + number(1))
    yield "two_on_the_stack", pt(number(1) + number(2))
    yield "open_mark", pt(b"(" + number(1))
    yield "protocol_9", archive(b"\x80\x09N.")
    yield "unknown_opcode", pt(b"\xff")
    yield "text_longer_than_the_file", pt(b"X\xff\xff\xff\x7fab")
    yield "bytes_of_2_to_63", archive(PROTO4 + b"\x8e" + struct.pack("<Q", 2**63) + b".")
    yield "frame_of_2_to_63", archive(PROTO4 + b"\x95" + struct.pack("<Q", 2**63) + b"N")
    yield "integer_of_negative_length", pt(b"\x8b\xff\xff\xff\xff")
    yield "memo_of_4_billion", pt(number(1) + b"r\xff\xff\xff\xff")
    yield "recall_of_nothing", pt(b"h\x07")
    yield "appends_to_a_number", pt(number(1) + b"(" + number(2) + b"e")
    yield "setitems_odd", pt(b"}(" + number(1) + b"u")
    yield "tuple_of_too_few", pt(number(1) + b"\x87")
    yield "name_without_an_end", archive(PROTO2 + b"cposix")
    yield "name_of_2_kb", pt(name("m" * 2048, "f"))
    yield "circle", pt(b"]q\x00h\x00a")
    yield "bomb", pt(bomb())
    yield "nested_5000_deep", pt(b"]" * 5000 + b"a" * 4999)
    yield "tuples_nested_5000_deep", pt(b"N" + b"\x85" * 5000)
    yield "storage_of_negative_length", floats(tensor(storage(count=-1)))
    yield "storage_of_2_billion", floats(tensor(storage(count=2**31 - 1)))
    yield "storage_that_is_not_there", floats(tensor(storage(key="7")))
    yield "storage_outside_of_the_archive", floats(tensor(storage(key="../../../../etc/passwd")))
    yield "storage_of_an_unknown_type", floats(tensor(storage(kind="SecretStorage")))
    yield "tensor_beyond_its_storage", floats(tensor(storage(), sizes=(5,)))
    yield "tensor_with_a_negative_stride", floats(tensor(storage(), strides=(-1,)))
    yield "tensor_with_a_negative_size", floats(tensor(storage(), sizes=(-4,)))
    yield "tensor_with_a_negative_offset", floats(tensor(storage(), offset=-1))
    yield "tensor_of_a_huge_shape", floats(tensor(storage(), sizes=(2**31 - 1,) * 3, strides=(0, 0, 2**31 - 1)))
    yield "tensor_of_100_dimensions", floats(tensor(storage(), sizes=(1,) * 100, strides=(1,) * 100))
    yield "tensor_with_a_stride_too_few", floats(tensor(storage(), sizes=(2, 2), strides=(1,)))
    yield "tensor_of_no_storage", pt(tensor(number(1)))
    yield "persistent_id_of_one", pt(b"(" + text("storage") + b"tQ")
    yield "persistent_id_that_is_a_number", pt(number(1) + b"Q")
    yield "no_pickle", archive(None)
    yield "big_endian", archive(PROTO2 + b"N.", byteorder=b"big")
    zeros = archive(PROTO2 + tensor(storage(count=2_500_000)) + b".", [("data/0", b"\0" * 10_000_000)],
                    compression=zipfile.ZIP_DEFLATED)
    yield "ten_megabytes_in_ten_kilobytes", zeros
    good = archive(PROTO2 + tensor(storage()) + b".", [("data/0", struct.pack("<4f", 1, 2, 3, 4))])
    yield "cut_off_before_the_directory", good[: good.index(b"PK\1\2")]
    yield "cut_off_inside_of_the_directory", good[: good.index(b"PK\1\2") + 30]
    yield "directory_of_another_place", good.replace(b"PK\1\2", b"PK\1\3", 1)
    damaged = bytearray(good)
    damaged[good.index(struct.pack("<4f", 1, 2, 3, 4))] ^= 1
    yield "a_bit_of_a_number", bytes(damaged)
    end = good.index(b"PK\5\6")
    yield "directory_beyond_the_file", good[: end + 16] + struct.pack("<I", 2**32 - 2) + good[end + 20:]
    claims = bytearray(good)
    version = good.rindex(b"PK\1\2")
    claims[version + 24: version + 28] = struct.pack("<I", 2**32 - 2)
    yield "version_of_4_gigabytes", bytes(claims)
    yield "no_zip_and_no_pickle", b"lit" * 100
    magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    yield "old_format_and_nothing_behind", magic
    old = magic + PROTO2 + b"M\xe9\x03." + PROTO2 + b"}."
    yield "old_format_of_huge_storages", old + PROTO2 + tensor(storage(count=2**31 - 1)) + b"."
    yield "old_format_of_an_empty_storage", old + PROTO2 + tensor(storage(count=0), sizes=(0,)) + b"." + PROTO2 + b"(" + text("5") + b"l."
    yield "old_format_cut_off", old + PROTO2 + tensor(storage()) + b"." + PROTO2 + b"(" + text("0") + b"l." + struct.pack("<q", 4)


def strange():
    yield "user_class", pt(name("my.module", "Thing") + b")\x81}" + text("x") + number(1) + b"sb")
    yield "enum", pt(call("my.module", "Color", number(2)))
    yield "namespace", pt(name("argparse", "Namespace") + b")\x81}" + text("lr") + number(1) + b"sb")
    yield "partial_of_an_optimizer", pt(call("functools", "partial", name("torch.optim.adamw", "AdamW")))
    yield "restored_type", pt(call("torch.jit._pickle", "restore_type_tag", b"}", text("Dict[str, int]")))
    yield "path", pt(call("pathlib", "PosixPath", text("/"), text("tmp")))
    yield "set", pt(call("builtins", "set", b"(" + number(1) + number(2) + b"l"))
    yield "harmless_name_of_a_function", pt(name("posix", "getcwd"))
    yield "view", floats(tensor(storage(), offset=1, sizes=(3,)))
    yield "nested_50_deep", pt(b"]" * 50 + b"a" * 49)


def main():
    for folder, cases in (("refused", [*hostile(), *malformed()]), ("read", [*strange()])):
        target = FOLDER / folder
        target.mkdir(exist_ok=True)
        for old in target.glob("*.pt"):
            old.unlink()
        for case, content in cases:
            (target / f"{case}.pt").write_bytes(content)
        print(f"{folder}: {len(cases)} files")


if __name__ == "__main__":
    main()
