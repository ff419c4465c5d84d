// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/checkpoint/pickle_graph.hpp>
#include <lit/checkpoint/pickle_opcodes.hpp>
#include <lit/checkpoint/pickle_rebuild.hpp>
#include <lit/core/error.hpp>
#include <lit/core/value.hpp>

#include <c10/core/Storage.h>

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
        : data_(data), graph_(limits), rebuild_(graph_, source) {}

    Value run() {
        while (step()) {
        }
        if (stack_.size() != 1 || !marks_.empty()) {
            refuse("the stack is not empty at the end");
        }
        return graph_.value(stack_.back());
    }
    [[nodiscard]] std::size_t consumed() const { return position_; }

 private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw CheckpointError("pickle: " + what + " (at byte " + std::to_string(position_) + " of " +
                              std::to_string(data_.size()) + "). The file is damaged, or not a checkpoint.");
    }
    std::string_view take(std::size_t count) {
        if (count > data_.size() - position_) {
            refuse("the data end too early");
        }
        const std::string_view piece = data_.substr(position_, count);
        position_ += count;
        return piece;
    }
    // Little-endian, of 1 to 8 bytes.
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        const std::string_view bytes = take(width);
        for (std::size_t i = 0; i < width; ++i) {
            value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
        }
        return value;
    }
    // The bytes behind a length of `width` bytes.
    std::string_view counted(std::size_t width) { return take(number(width)); }
    std::string_view line() {
        const std::size_t end = data_.find('\n', position_);
        if (end == std::string_view::npos) {
            refuse("a name has no end");
        }
        const std::string_view piece = take(end - position_);
        position_ += 1;
        return piece;
    }
    [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
    NodeId pop() {
        if (stack_.size() <= floor()) {
            refuse("the stack is empty");
        }
        const NodeId id = stack_.back();
        stack_.pop_back();
        return id;
    }
    [[nodiscard]] NodeId top() const {
        if (stack_.size() <= floor()) {
            refuse("the stack is empty");
        }
        return stack_.back();
    }
    std::vector<NodeId> pop_to_mark() {
        if (marks_.empty()) {
            refuse("there is no mark");
        }
        const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        std::vector<NodeId> items(first, stack_.end());
        stack_.erase(first, stack_.end());
        marks_.pop_back();
        return items;
    }
    std::vector<NodeId> pop_many(std::size_t count) {
        if (stack_.size() - floor() < count) {
            refuse("the stack is too short");
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
        if (index > data_.size()) {
            refuse("an index of the memo is impossible");
        }
        if (index >= memo_.size()) {
            graph_.charge((index + 1 - memo_.size()) * sizeof(NodeId));
            memo_.resize(index + 1, unset);
        }
        memo_[index] = top();
    }
    void recall(std::uint64_t index) {
        if (index >= memo_.size() || memo_[index] == unset) {
            refuse("the memo has nothing at an index");
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

    std::string_view data_;
    std::size_t position_ = 0;
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
        refuse("the name of a class is too long");
    }
    module = module == "__builtin__" ? "builtins" : module;
    push(graph_.add_text(NodeKind::global, std::string(module) + "." + std::string(name)));
}

inline void PickleMachine::add_members(NodeId target, const std::vector<NodeId>& items) {
    if (graph_[target].kind != NodeKind::list && graph_[target].kind != NodeKind::object) {
        refuse("items are appended to something that is no list");
    }
    graph_.extend(target, items);
}

inline void PickleMachine::set_items(NodeId target, const std::vector<NodeId>& items) {
    if (items.size() % 2 != 0) {
        refuse("a key has no value");
    }
    if (graph_[target].kind == NodeKind::dict) {
        graph_.extend(target, items);
    } else if (graph_[target].kind == NodeKind::object) {  // of a class derived from dict
        graph_.extend(target, {graph_.add_items(NodeKind::dict, items)});
    } else {
        refuse("an entry is set in something that is no dict");
    }
}

inline bool PickleMachine::step() {
    const auto opcode = static_cast<Opcode>(number(1));
    switch (opcode) {
        case Opcode::stop:
            return false;
        case Opcode::proto:
            if (const std::uint64_t protocol = number(1); protocol > 5) {
                refuse("found protocol " + std::to_string(protocol) + " where 2 to 5 are known");
            }
            break;
        case Opcode::frame:
            number(8);
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
            push(graph_.add_number(NodeKind::integer, static_cast<std::int64_t>(number(1))));
            break;
        case Opcode::binint2:
            push(graph_.add_number(NodeKind::integer, static_cast<std::int64_t>(number(2))));
            break;
        case Opcode::binint:
            push_long(take(4));
            break;
        case Opcode::long1:
            push_long(counted(1));
            break;
        case Opcode::long4:
            push_long(counted(4));
            break;
        case Opcode::binfloat: {  // the only big-endian number of all
            std::uint64_t bits = 0;
            for (const char c : take(8)) {
                bits = bits << 8U | static_cast<std::uint8_t>(c);
            }
            push(graph_.add_real(std::bit_cast<double>(bits)));
            break;
        }
        case Opcode::short_binstring:
        case Opcode::short_binunicode:
            push(graph_.add_text(NodeKind::text, counted(1)));
            break;
        case Opcode::binstring:
        case Opcode::binunicode:
            push(graph_.add_text(NodeKind::text, counted(4)));
            break;
        case Opcode::binunicode8:
            push(graph_.add_text(NodeKind::text, counted(8)));
            break;
        case Opcode::short_binbytes:
            push(graph_.add_text(NodeKind::bytes, counted(1)));
            break;
        case Opcode::binbytes:
            push(graph_.add_text(NodeKind::bytes, counted(4)));
            break;
        case Opcode::binbytes8:
        case Opcode::bytearray8:
            push(graph_.add_text(NodeKind::bytes, counted(8)));
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
            remember(number(1));
            break;
        case Opcode::long_binput:
            remember(number(4));
            break;
        case Opcode::memoize:
            remember(memo_.size());
            break;
        case Opcode::binget:
            recall(number(1));
            break;
        case Opcode::long_binget:
            recall(number(4));
            break;

        case Opcode::global: {
            const std::string_view module = line();
            push_global(module, line());
            break;
        }
        case Opcode::stack_global: {
            const std::vector<NodeId> names = pop_many(2);
            if (graph_[names[0]].kind != NodeKind::text || graph_[names[1]].kind != NodeKind::text) {
                refuse("the name of a class is no text");
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
            refuse("found the unknown opcode " + std::to_string(static_cast<unsigned>(opcode)));
    }
    return true;
}

}  // namespace detail

/// Reads one Python pickle of protocol 2 to 5 as data: nothing is imported, called or executed.
///
/// Known   tensors, parameters, `OrderedDict`, `defaultdict`, `Counter`, Lightning's `AttributeDict` (all a
/// Dict),
///         `torch.Size` (a Tuple), paths (a str), numpy scalars (numbers). Everything else, bytes and sets
///         and dtypes included, becomes Opaque: the name of its class, its arguments, its state.
/// Source  `source(key, bytes)` returns the c10::Storage that a persistent id names.
/// Errors  CheckpointError for whatever is damaged, circular, too deep or too large; never anything worse.
/// Cost    each object is unfolded where it is used; tensors that share a storage go on sharing it.
inline Value read_pickle(std::string_view data, detail::StorageSource source, PickleLimits limits = {},
                         std::size_t* consumed = nullptr) {
    detail::PickleMachine machine(data, source, limits);
    Value result = machine.run();
    if (consumed != nullptr) {
        *consumed = machine.consumed();
    }
    return result;
}

}  // namespace lit
