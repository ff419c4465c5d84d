// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lit/module/nn/layer.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace lit::nn::detail {

/// The shapes between layers, the first one included.
template <class Input, class... Layers>
struct Shapes {
    using type = std::tuple<Input>;
};
template <class Input, class Layer, class... Rest>
struct Shapes<Input, Layer, Rest...> {
    using type =
        decltype(std::tuple_cat(std::declval<std::tuple<Input>>(),
                                std::declval<typename Shapes<output_t<Layer, Input>, Rest...>::type>()));
};

/// What the compiler says of one layer; it names these three with the message: the place, counted from 0, the layer, and the shape
/// of a sample that reaches it.
template <std::size_t Place, class Layer, class Input>
struct LayerAt {
    static constexpr bool names_kernels = std::is_same_v<Layer, OwnKernels> || std::is_same_v<Layer, AtenKernels>;
    static constexpr bool is_layer = requires { typename std::type_identity<output_t<Layer, Input>>; };
    static_assert(!names_kernels,
                  "lit: what names the kernels of a lit::nn::Sequential stands before its layers and its shape. Write "
                  "lit::nn::Sequential<lit::nn::OwnKernels, lit::nn::Linear<16, 32>, ...>.");
    static_assert(names_kernels || is_layer,
                  "lit: this type is no layer of a lit::nn::Sequential. Expected one of lit/module/nn.hpp, or a class of "
                  "your own that is written as lit/module/nn/layer.hpp tells.");
    static consteval bool fits() {
        if constexpr (is_layer) {
            static_assert(Takes<Layer, Input>,
                          "lit: a layer of this lit::nn::Sequential does not take what the one before it gives. Make "
                          "their sizes meet: LayerAt<...>, which the compiler names here, is its place, counted from 0, the "
                          "layer, and the shape of a sample that reaches it.");
            return Takes<Layer, Input>;
        } else {
            return false;
        }
    }
};

/// Whether each layer takes what the one before it gives.
template <std::size_t Place, class Input>
consteval bool layers_fit() {
    return true;
}
template <std::size_t Place, class Input, class Layer, class... Rest>
consteval bool layers_fit() {
    if constexpr (LayerAt<Place, Layer, Input>::fits()) {
        return layers_fit<Place + 1, output_t<Layer, Input>, Rest...>();
    } else {
        return false;
    }
}

}  // namespace lit::nn::detail
