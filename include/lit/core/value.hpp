// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/error.hpp>

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace lit {

class Value;

/// A Python list.
using List = std::vector<Value>;

/// A Python tuple.
struct Tuple {
    List items;
};

/// An object of a Python class that lit knows nothing of: its name and its parts, never executed.
struct Opaque {
    std::string type;  ///< `module.Class`
    List parts;        ///< arguments and state, in the order in which they stood in the file
};

/// A Python dict: keys in the order of their insertion, found by comparison.
///
/// Cost    look-up is linear: state dicts are read as a whole, configurations are small.
class Dict {
 public:
    using Item = std::pair<Value, Value>;

    Dict();
    Dict(const Dict&);
    Dict(Dict&&) noexcept;
    Dict& operator=(const Dict&);
    Dict& operator=(Dict&&) noexcept;
    ~Dict();
    Dict(std::initializer_list<std::pair<std::string_view, Value>> items);

    /// Replaces the value behind an equal key, or appends.
    void set(Value key, Value value);
    /// Appends without looking for an equal key: for readers that know that there is none.
    void append(Value key, Value value);
    [[nodiscard]] const Value* find(std::string_view key) const;
    [[nodiscard]] const Value* find(std::int64_t key) const;
    [[nodiscard]] Value* find(std::string_view key);
    [[nodiscard]] Value* find(std::int64_t key);
    [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }
    bool erase(std::string_view key);
    /// Errors  CheckpointError that lists the keys that are there.
    [[nodiscard]] const Value& at(std::string_view key) const;
    /// Inserts None where the key is missing, as `std::map` does.
    Value& operator[](std::string_view key);

    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] auto begin() const;
    [[nodiscard]] auto end() const;
    [[nodiscard]] auto begin();
    [[nodiscard]] auto end();

    bool ordered = false;  ///< written as `collections.OrderedDict`, as `state_dict()` is

 private:
    std::vector<Item> items_;
};

/// What a checkpoint, a state dict or a set of hyperparameters is made of: Python's plain data and tensors.
///
/// Errors  the `as_*` and `to_*` accessors throw CheckpointError that names the type found and the type wanted.
class Value {
 public:
    using None = std::monostate;
    using Storage = std::variant<None, bool, std::int64_t, double, std::string, at::Tensor, List, Tuple, Dict, Opaque>;

    Value() noexcept;
    Value(None) noexcept;           // NOLINT: all of these are meant
    Value(std::nullptr_t) noexcept; // NOLINT
    Value(bool v) noexcept;         // NOLINT
    Value(std::int64_t v) noexcept; // NOLINT
    template <class Int>
        requires(std::is_integral_v<Int> && !std::is_same_v<Int, bool> && !std::is_same_v<Int, std::int64_t>)
    Value(Int v) noexcept : Value(static_cast<std::int64_t>(v)) {}  // NOLINT
    Value(double v) noexcept;       // NOLINT
    Value(float v) noexcept;        // NOLINT
    Value(const char* v);           // NOLINT
    Value(std::string_view v);      // NOLINT
    Value(std::string v) noexcept;  // NOLINT
    Value(at::Tensor v) noexcept;   // NOLINT
    Value(List v) noexcept;         // NOLINT
    Value(Tuple v) noexcept;        // NOLINT
    Value(Dict v) noexcept;         // NOLINT
    Value(Opaque v) noexcept;       // NOLINT
    Value(const Value& other);
    Value(Value&& other) noexcept;
    Value& operator=(const Value& other);
    Value& operator=(Value&& other) noexcept;
    ~Value();
    template <class T>
    Value(const std::optional<T>& v) : Value(v ? Value(*v) : Value()) {}  // NOLINT

    template <class T>
    [[nodiscard]] bool is() const { return std::holds_alternative<T>(storage_); }
    [[nodiscard]] bool is_none() const { return is<None>(); }
    template <class T>
    [[nodiscard]] const T* get_if() const { return std::get_if<T>(&storage_); }
    template <class T>
    [[nodiscard]] T* get_if() { return std::get_if<T>(&storage_); }
    template <class T>
    [[nodiscard]] const T& as() const { return *expect<T>(std::get_if<T>(&storage_)); }
    template <class T>
    [[nodiscard]] T& as() { return const_cast<T&>(std::as_const(*this).template as<T>()); }

    [[nodiscard]] const Dict& dict() const { return as<Dict>(); }
    [[nodiscard]] Dict& dict() { return as<Dict>(); }
    [[nodiscard]] const at::Tensor& tensor() const { return as<at::Tensor>(); }
    [[nodiscard]] const std::string& string() const { return as<std::string>(); }
    /// The items of a list or of a tuple.
    [[nodiscard]] const List& items() const {
        if (const auto* tuple = get_if<Tuple>()) {
            return tuple->items;
        }
        return as<List>();
    }
    [[nodiscard]] bool to_bool() const { return is<std::int64_t>() ? as<std::int64_t>() != 0 : as<bool>(); }
    [[nodiscard]] std::int64_t to_int() const {
        return is<bool>() ? static_cast<std::int64_t>(as<bool>()) : as<std::int64_t>();
    }
    /// An int is a float too, as in Python.
    [[nodiscard]] double to_double() const {
        return is<double>() ? as<double>() : static_cast<double>(to_int());
    }
    /// The entry of a dict; see Dict::at.
    [[nodiscard]] const Value& at(std::string_view key) const { return dict().at(key); }

    [[nodiscard]] const Storage& storage() const { return storage_; }
    [[nodiscard]] std::string_view type_name() const { return type_name_of(storage_.index()); }

    [[nodiscard]] bool equals(std::string_view text) const { return is<std::string>() && as<std::string>() == text; }

 private:
    /// The place of a type among those of the variant.
    template <class T, class... All>
    static consteval std::size_t index_in(std::type_identity<std::variant<All...>> /*storage*/) {
        std::size_t index = 0;
        static_cast<void>(((std::is_same_v<T, All> ? false : (++index, true)) && ...));
        return index;
    }
    static std::string_view type_name_of(std::size_t index);
    [[noreturn]] void refuse(std::size_t wanted) const;
    template <class T>
    const T* expect(const T* found) const {
        if (found == nullptr) {
            refuse(index_in<T>(std::type_identity<Storage>{}));
        }
        return found;
    }
    Storage storage_;
};

inline std::size_t Dict::size() const { return items_.size(); }
inline auto Dict::begin() const { return items_.begin(); }
inline auto Dict::end() const { return items_.end(); }
inline auto Dict::begin() { return items_.begin(); }
inline auto Dict::end() { return items_.end(); }

}  // namespace lit

#if !defined(LIT_COMPILED)
#include <lit/core/impl/value.hpp>
#endif
