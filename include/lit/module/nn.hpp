// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Static networks: `lit::nn::Sequential`, its layers and its losses. Not part of lit.hpp, since they bring in LibTorch's own layers,
/// from which they take the first weights.
#include <lit/module/nn/activations.hpp>
#include <lit/module/nn/batch_norm.hpp>
#include <lit/module/nn/conv2d.hpp>
#include <lit/module/nn/dropout.hpp>
#include <lit/module/nn/flatten.hpp>
#include <lit/module/nn/gelu.hpp>
#include <lit/module/nn/layer_norm.hpp>
#include <lit/module/nn/linear.hpp>
#include <lit/module/nn/losses.hpp>
#include <lit/module/nn/pooling.hpp>
#include <lit/module/nn/sequential.hpp>
