// SPDX-License-Identifier: Apache-2.0
// Precompiled for programs that assemble trainers: with the trainer, on which they all depend anyway, and without the whole of
// LibTorch's layers, whose templates cost each unit seconds.
#pragma once

#include <lit/trainer/trainer.hpp>

#include <torch/nn/functional/loss.h>
#include <torch/nn/modules/linear.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <ranges>
#include <sstream>
#include <thread>
