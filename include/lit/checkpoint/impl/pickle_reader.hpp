// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_cursor.hpp>
#include <lit/checkpoint/pickle_graph.hpp>
#include <lit/checkpoint/pickle_opcodes.hpp>
#include <lit/checkpoint/pickle_reader.hpp>
#include <lit/checkpoint/pickle_rebuild.hpp>
#include <lit/core/compiled.hpp>
#include <lit/core/value.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lit {
namespace detail {

class PickleMachine {
 public:
    PickleMachine(std::string_view data, StorageSource source, PickleLimits limits)
        : cursor_(data), graph_(limits), rebuild_(graph_, source) {}

    Value run() {
        while (step()) {
        }
        if (stack_.size() != 1 || !marks_.empty()) {
            cursor_.refuse("the stack is not empty at the end");
        }
        return graph_.value(stack_.back());
    }
    [[nodiscard]] std::size_t consumed() const { return cursor_.position(); }

 private:
    [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
    NodeId pop() {
        if (stack_.size() <= floor()) {
            cursor_.refuse("the stack is empty");
        }
        const NodeId id = stack_.back();
        stack_.pop_back();
        return id;
    }
    [[nodiscard]] NodeId top() const {
        if (stack_.size() <= floor()) {
            cursor_.refuse("the stack is empty");
        }
        return stack_.back();
    }
    std::vector<NodeId> pop_to_mark() {
        if (marks_.empty()) {
            cursor_.refuse("there is no mark");
        }
        const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        std::vector<NodeId> items(first, stack_.end());
        stack_.erase(first, stack_.end());
        marks_.pop_back();
        return items;
    }
    std::vector<NodeId> pop_many(std::size_t count) {
        if (stack_.size() - floor() < count) {
            cursor_.refuse("the stack is too short");
        }
        const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
        std::vector<NodeId> items(first, stack_.end());
        stack_.erase(first, stack_.end());
        return items;
    }
    void push(NodeId id) {
        graph_.charge(sizeof(NodeId));
        stack_.push_back(id);
    }
    // Python numbers what it remembers one by one, so no index exceeds the number of bytes.
    void remember(std::uint64_t index) {
        if (index > cursor_.size()) {
            cursor_.refuse("an index of the memo is impossible");
        }
        if (index >= memo_.size()) {
            graph_.charge((index + 1 - memo_.size()) * sizeof(NodeId));
            memo_.resize(index + 1, unset);
        }
        memo_[index] = top();
    }
    void recall(std::uint64_t index) {
        if (index >= memo_.size() || memo_[index] == unset) {
            cursor_.refuse("the memo has nothing at an index");
        }
        push(memo_[index]);
    }
    void push_long(std::string_view bytes);
    void push_global(std::string_view module, std::string_view name);
    void add_members(NodeId target, const std::vector<NodeId>& items);
    void set_items(NodeId target, const std::vector<NodeId>& items);
    bool step();

    static constexpr NodeId unset = ~NodeId{0};
    static constexpr std::size_t longest_name = 1024;

    PickleCursor cursor_;
    PickleGraph graph_;
    PickleRebuilder rebuild_;
    std::vector<NodeId> stack_;
    std::vector<std::size_t> marks_;
    std::vector<NodeId> memo_;
};

// Two's complement, little-endian, as short as it goes. What needs more than 64 bits stays bytes.
inline void PickleMachine::push_long(std::string_view bytes) {
    if (bytes.size() > 8) {
        const NodeId object = graph_.add_text(NodeKind::object, "builtins.int");
        graph_.extend(object, {graph_.add_text(NodeKind::bytes, bytes)});
        push(object);
        return;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    }
    if (const std::size_t unused = 64 - 8 * bytes.size(); unused < 64) {
        push(graph_.add_number(NodeKind::integer, std::bit_cast<std::int64_t>(value << unused) >> unused));
    } else {
        push(graph_.add_number(NodeKind::integer, 0));
    }
}

// Python 2 said `__builtin__` and `copy_reg`; one name each is enough for everybody behind.
inline void PickleMachine::push_global(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > longest_name) {
        cursor_.refuse("the name of a class is too long");
    }
    module = module == "__builtin__" ? "builtins" : module;
    push(graph_.add_text(NodeKind::global, std::string(module) + "." + std::string(name)));
}

inline void PickleMachine::add_members(NodeId target, const std::vector<NodeId>& items) {
    if (graph_[target].kind != NodeKind::list && graph_[target].kind != NodeKind::object) {
        cursor_.refuse("items are appended to something that is no list");
    }
    graph_.extend(target, items);
}

inline void PickleMachine::set_items(NodeId target, const std::vector<NodeId>& items) {
    if (items.size() % 2 != 0) {
        cursor_.refuse("a key has no value");
    }
    if (graph_[target].kind == NodeKind::dict) {
        graph_.extend(target, items);
    } else if (graph_[target].kind == NodeKind::object) {  // of a class derived from dict
        graph_.extend(target, {graph_.add_items(NodeKind::dict, items)});
    } else {
        cursor_.refuse("an entry is set in something that is no dict");
    }
}

inline bool PickleMachine::step() {
    const auto opcode = static_cast<Opcode>(cursor_.number(1));
    switch (opcode) {
        case Opcode::stop:
            return false;
        case Opcode::proto:
            if (const std::uint64_t protocol = cursor_.number(1); protocol > 5) {
                cursor_.refuse("found protocol " + std::to_string(protocol) + " where 2 to 5 are known");
            }
            break;
        case Opcode::frame:
            cursor_.number(8);
            break;

        case Opcode::none:
            push(graph_.add(NodeKind::none));
            break;
        case Opcode::newtrue:
            push(graph_.add_number(NodeKind::boolean, 1));
            break;
        case Opcode::newfalse:
            push(graph_.add_number(NodeKind::boolean, 0));
            break;
        case Opcode::binint1:
            push(graph_.add_number(NodeKind::integer, static_cast<std::int64_t>(cursor_.number(1))));
            break;
        case Opcode::binint2:
            push(graph_.add_number(NodeKind::integer, static_cast<std::int64_t>(cursor_.number(2))));
            break;
        case Opcode::binint:
            push_long(cursor_.take(4));
            break;
        case Opcode::long1:
            push_long(cursor_.counted(1));
            break;
        case Opcode::long4:
            push_long(cursor_.counted(4));
            break;
        case Opcode::binfloat: {  // the only big-endian number of all
            std::uint64_t bits = 0;
            for (const char c : cursor_.take(8)) {
                bits = bits << 8U | static_cast<std::uint8_t>(c);
            }
            push(graph_.add_real(std::bit_cast<double>(bits)));
            break;
        }
        case Opcode::short_binstring:
        case Opcode::short_binunicode:
            push(graph_.add_text(NodeKind::text, cursor_.counted(1)));
            break;
        case Opcode::binstring:
        case Opcode::binunicode:
            push(graph_.add_text(NodeKind::text, cursor_.counted(4)));
            break;
        case Opcode::binunicode8:
            push(graph_.add_text(NodeKind::text, cursor_.counted(8)));
            break;
        case Opcode::short_binbytes:
            push(graph_.add_text(NodeKind::bytes, cursor_.counted(1)));
            break;
        case Opcode::binbytes:
            push(graph_.add_text(NodeKind::bytes, cursor_.counted(4)));
            break;
        case Opcode::binbytes8:
        case Opcode::bytearray8:
            push(graph_.add_text(NodeKind::bytes, cursor_.counted(8)));
            break;

        case Opcode::empty_tuple:
            push(graph_.add(NodeKind::tuple));
            break;
        case Opcode::empty_list:
            push(graph_.add(NodeKind::list));
            break;
        case Opcode::empty_dict:
            push(graph_.add(NodeKind::dict));
            break;
        case Opcode::empty_set:
            push(graph_.add_text(NodeKind::object, "builtins.set"));
            break;
        case Opcode::tuple1:
            push(graph_.add_items(NodeKind::tuple, pop_many(1)));
            break;
        case Opcode::tuple2:
            push(graph_.add_items(NodeKind::tuple, pop_many(2)));
            break;
        case Opcode::tuple3:
            push(graph_.add_items(NodeKind::tuple, pop_many(3)));
            break;
        case Opcode::tuple:
            push(graph_.add_items(NodeKind::tuple, pop_to_mark()));
            break;
        case Opcode::list:
            push(graph_.add_items(NodeKind::list, pop_to_mark()));
            break;
        case Opcode::dict: {
            const std::vector<NodeId> items = pop_to_mark();
            push(graph_.add(NodeKind::dict));
            set_items(top(), items);
            break;
        }
        case Opcode::frozenset: {
            const std::vector<NodeId> items = pop_to_mark();
            push(graph_.add_text(NodeKind::object, "builtins.frozenset"));
            graph_.extend(top(), items);
            break;
        }
        case Opcode::append: {
            const NodeId item = pop();
            add_members(top(), {item});
            break;
        }
        case Opcode::appends:
        case Opcode::additems: {
            const std::vector<NodeId> items = pop_to_mark();
            add_members(top(), items);
            break;
        }
        case Opcode::setitem: {
            const std::vector<NodeId> items = pop_many(2);
            set_items(top(), items);
            break;
        }
        case Opcode::setitems: {
            const std::vector<NodeId> items = pop_to_mark();
            set_items(top(), items);
            break;
        }

        case Opcode::mark:
            graph_.charge(sizeof(std::size_t));
            marks_.push_back(stack_.size());
            break;
        case Opcode::pop:
            if (!marks_.empty() && stack_.size() == marks_.back()) {
                marks_.pop_back();
            } else {
                pop();
            }
            break;
        case Opcode::pop_mark:
            pop_to_mark();
            break;
        case Opcode::dup:
            push(top());
            break;
        case Opcode::binput:
            remember(cursor_.number(1));
            break;
        case Opcode::long_binput:
            remember(cursor_.number(4));
            break;
        case Opcode::memoize:
            remember(memo_.size());
            break;
        case Opcode::binget:
            recall(cursor_.number(1));
            break;
        case Opcode::long_binget:
            recall(cursor_.number(4));
            break;

        case Opcode::global: {
            const std::string_view module = cursor_.line();
            push_global(module, cursor_.line());
            break;
        }
        case Opcode::stack_global: {
            const std::vector<NodeId> names = pop_many(2);
            if (graph_[names[0]].kind != NodeKind::text || graph_[names[1]].kind != NodeKind::text) {
                cursor_.refuse("the name of a class is no text");
            }
            // Copies: to add a node may move the others.
            push_global(std::string(graph_[names[0]].text.substr(0, longest_name + 1)),
                        std::string(graph_[names[1]].text.substr(0, longest_name + 1)));
            break;
        }
        case Opcode::reduce:
        case Opcode::newobj: {
            const NodeId args = pop();
            const NodeId callee = pop();
            push(rebuild_.call(callee, args));
            break;
        }
        case Opcode::newobj_ex: {
            const std::vector<NodeId> parts = pop_many(3);
            push(rebuild_.call(parts[0], parts[1]));
            rebuild_.build(top(), parts[2]);
            break;
        }
        case Opcode::build: {
            const NodeId state = pop();
            rebuild_.build(top(), state);
            break;
        }
        case Opcode::binpersid:
            push(rebuild_.storage(pop()));
            break;
        default:
            cursor_.refuse("found the unknown opcode " + std::to_string(static_cast<unsigned>(opcode)));
    }
    return true;
}

}  // namespace detail

LIT_INLINE Value read_pickle(std::string_view data, detail::StorageSource source, PickleLimits limits,
                             std::size_t* consumed) {
    detail::PickleMachine machine(data, source, limits);
    Value result = machine.run();
    if (consumed != nullptr) {
        *consumed = machine.consumed();
    }
    return result;
}

}  // namespace lit
