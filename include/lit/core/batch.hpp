// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/core/reflection.hpp>

#include <torch/data/example.h>

#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace lit {

/// A batch (or a sample) of inputs and targets: two tensors, `data` and `target`. LibTorch's own type.
using Example = torch::data::Example<>;

/// The same with other types in the two places; `void` as target leaves it out.
template <class Data, class Target = at::Tensor>
using ExampleOf = torch::data::Example<Data, Target>;

namespace detail {

enum class BatchKind { tensor, plain, example, tuple, optional, variant, map, range, aggregate, unknown };

template <class T>
inline constexpr bool is_example = false;
template <class D, class T>
inline constexpr bool is_example<torch::data::Example<D, T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };
template <class T>
concept BatchRange = requires(T& t) {
    *t.begin();
    t.begin() != t.end();
};
template <class T>
using element_t = std::remove_cvref_t<decltype(*std::declval<T&>().begin())>;

template <class T>
consteval BatchKind batch_kind() {
    if constexpr (std::same_as<T, at::Tensor>) {
        return BatchKind::tensor;
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::same_as<T, std::string> ||
                         std::same_as<T, std::string_view> || std::same_as<T, std::monostate>) {
        return BatchKind::plain;
    } else if constexpr (is_example<T>) {
        return BatchKind::example;
    } else if constexpr (is_optional<T>) {
        return BatchKind::optional;
    } else if constexpr (is_variant<T>) {
        return BatchKind::variant;
    } else if constexpr (TupleLike<T>) {
        return BatchKind::tuple;
    } else if constexpr (BatchRange<T>) {
        if constexpr (std::same_as<element_t<T>, T>) {
            return BatchKind::plain;  // std::filesystem::path is a range of paths
        } else if constexpr (requires { typename T::mapped_type; }) {
            return BatchKind::map;
        } else {
            return BatchKind::range;
        }
    } else if constexpr (std::is_class_v<T> && std::is_aggregate_v<T>) {
        if constexpr (std::is_empty_v<T>) {
            return BatchKind::plain;
        } else {
            return reflection::Reflectable<T> ? BatchKind::aggregate : BatchKind::unknown;
        }
    } else {
        return BatchKind::unknown;
    }
}

template <class T>
consteval bool all_parts_known();
template <class T>
consteval bool has_tensors();

template <class T, bool Known>
struct Parts {  // of a tuple-like type: do all, or any, of its elements answer yes?
    template <std::size_t... I>
    static consteval bool test(std::index_sequence<I...> /*elements*/) {
        if constexpr (Known) {
            return (... && all_parts_known<std::remove_cvref_t<std::tuple_element_t<I, T>>>());
        } else {
            return (... || has_tensors<std::remove_cvref_t<std::tuple_element_t<I, T>>>());
        }
    }
};

template <bool Known>
struct AskFields {  // the same of an aggregate's fields
    template <class... Field>
    auto operator()(Field&... /*fields*/) const {
        if constexpr (Known) {
            return std::bool_constant<(... && all_parts_known<std::remove_cv_t<Field>>())>{};
        } else {
            return std::bool_constant<(... || has_tensors<std::remove_cv_t<Field>>())>{};
        }
    }
};

template <bool Known, class T>
consteval bool ask_parts() {
    constexpr BatchKind kind = batch_kind<T>();
    if constexpr (kind == BatchKind::tuple) {
        return Parts<T, Known>::test(std::make_index_sequence<std::tuple_size_v<T>>{});
    } else if constexpr (kind == BatchKind::variant) {
        return []<class... A>(std::type_identity<std::variant<A...>>) {
            return ask_parts<Known, std::tuple<A...>>();
        }(std::type_identity<T>{});
    } else if constexpr (kind == BatchKind::aggregate) {
        return decltype(reflection::visit_fields(std::declval<T&>(), AskFields<Known>{}))::value;
    } else {
        using Part = decltype([] {
            if constexpr (kind == BatchKind::example) {
                if constexpr (std::is_void_v<typename T::TargetType>) {
                    return std::type_identity<std::tuple<typename T::DataType>>{};
                } else {
                    return std::type_identity<std::tuple<typename T::DataType, typename T::TargetType>>{};
                }
            } else if constexpr (kind == BatchKind::optional) {
                return std::type_identity<typename T::value_type>{};
            } else if constexpr (kind == BatchKind::map) {
                return std::type_identity<typename T::mapped_type>{};
            } else {
                return std::type_identity<element_t<T>>{};
            }
        }())::type;
        if constexpr (Known) {
            return all_parts_known<Part>();
        } else {
            return has_tensors<Part>();
        }
    }
}

template <class T>
consteval bool all_parts_known() {
    constexpr BatchKind kind = batch_kind<T>();
    if constexpr (kind == BatchKind::tensor || kind == BatchKind::plain) {
        return true;
    } else if constexpr (kind == BatchKind::unknown) {
        return false;
    } else {
        return ask_parts<true, T>();
    }
}

template <class T>
consteval bool has_tensors() {
    constexpr BatchKind kind = batch_kind<T>();
    if constexpr (kind == BatchKind::tensor) {
        return true;
    } else if constexpr (kind == BatchKind::plain || kind == BatchKind::unknown) {
        return false;
    } else {
        return ask_parts<false, T>();
    }
}

/// Calls `visit` with each defined tensor, depth first, until it answers true; says whether it did.
template <class T, class Visit>
constexpr bool visit_tensors(T& batch, Visit& visit) {
    using Bare = std::remove_cv_t<T>;
    constexpr BatchKind kind = batch_kind<Bare>();
    if constexpr (!has_tensors<Bare>()) {
        return false;
    } else if constexpr (kind == BatchKind::tensor) {
        return batch.defined() && visit(batch);
    } else if constexpr (kind == BatchKind::example) {
        if constexpr (std::is_void_v<typename Bare::TargetType>) {
            return visit_tensors(batch.data, visit);
        } else {
            return visit_tensors(batch.data, visit) || visit_tensors(batch.target, visit);
        }
    } else if constexpr (kind == BatchKind::optional) {
        return batch.has_value() && visit_tensors(*batch, visit);
    } else if constexpr (kind == BatchKind::variant) {
        return std::visit([&](auto& alternative) { return visit_tensors(alternative, visit); }, batch);
    } else if constexpr (kind == BatchKind::tuple) {
        return std::apply([&](auto&... parts) { return (... || visit_tensors(parts, visit)); }, batch);
    } else if constexpr (kind == BatchKind::aggregate) {
        return reflection::visit_fields(batch, [&](auto&... parts) { return (... || visit_tensors(parts, visit)); });
    } else if constexpr (kind == BatchKind::map) {
        for (auto& entry : batch) {
            if (visit_tensors(entry.second, visit)) {
                return true;
            }
        }
        return false;
    } else {
        for (auto& part : batch) {
            if (visit_tensors(part, visit)) {
                return true;
            }
        }
        return false;
    }
}

template <class B>
concept MovesItself = requires(B& batch, at::Device device) {
    { batch.to(device) } -> std::convertible_to<B>;
};

}  // namespace detail

/// A batch in which every tensor can be reached: a tensor, an `Example`, and any vector, array, tuple, pair,
/// optional, variant, map or plain struct (up to 12 members, no base class, no C array) of such; numbers and
/// strings stay as they are.
template <class B>
concept MappableBatch = detail::all_parts_known<std::remove_cvref_t<B>>();

/// A batch that can go to a device: mappable, or with a member `to(device)` of its own.
template <class B>
concept TransferableBatch = MappableBatch<B> || detail::MovesItself<std::remove_cvref_t<B>>;

/// The number of samples in a batch: the first dimension of its first tensor, found depth first.
///
/// Shapes  a 0-dim tensor counts 1; -1 when the batch holds no (defined) tensor or its type is unknown to
///         lit.
/// Cost    the walk is resolved when compiled; nothing is allocated, nothing waits for a device.
/// Source  Lightning `extract_batch_size`; it warns when other tensors disagree, this does not look at them.
template <class Batch>
[[nodiscard]] std::int64_t batch_size(const Batch& batch) {
    std::int64_t size = -1;
    auto first = [&size](const at::Tensor& tensor) {
        size = tensor.dim() == 0 ? 1 : tensor.size(0);
        return true;
    };
    detail::visit_tensors(batch, first);
    return size;
}

/// Calls `function(tensor)` with every defined tensor of a batch, depth first; with a mutable batch it may
/// assign.
template <MappableBatch Batch, class Function>
void for_each_tensor(Batch& batch, Function&& function) {
    auto visit = [&function](auto& tensor) {
        function(tensor);
        return false;
    };
    detail::visit_tensors(batch, visit);
}

/// The batch with every defined tensor replaced by `function(tensor)`; containers, numbers and strings stay.
template <MappableBatch Batch, std::invocable<const at::Tensor&> Function>
[[nodiscard]] Batch map_tensors(Batch batch, Function&& function) {
    for_each_tensor(batch, [&function](at::Tensor& tensor) { tensor = function(std::as_const(tensor)); });
    return batch;
}

/// Moves every tensor of a batch to `device`, in place.
///
/// Cost  nothing but a comparison for a tensor that is there; `non_blocking` only helps from pinned memory.
template <TransferableBatch Batch>
void move_to_device(Batch& batch, at::Device device, bool non_blocking = false) {
    if constexpr (detail::MovesItself<Batch> && !std::same_as<Batch, at::Tensor>) {
        batch = batch.to(device);
    } else {
        for_each_tensor(batch, [device, non_blocking](at::Tensor& tensor) {
            if (tensor.device() != device) {
                tensor = tensor.to(device, tensor.scalar_type(), non_blocking);
            }
        });
    }
}

/// The batch with every tensor on `device`; see `move_to_device`.
template <TransferableBatch Batch>
[[nodiscard]] Batch to_device(Batch batch, at::Device device, bool non_blocking = false) {
    move_to_device(batch, device, non_blocking);
    return batch;
}

}  // namespace lit
