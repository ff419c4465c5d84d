// SPDX-License-Identifier: Apache-2.0
#pragma once

// Everything that a training program on one device needs. What costs more to include stands apart:
// <lit/strategies/ddp.hpp> (c10d), <lit/data/views.hpp> (range-v3), <lit/core/hparams_hana.hpp> (Boost.Hana's Struct),
// <lit/optim/torch_optimizer.hpp> (LibTorch's own optimizers), <lit/checkpoint/safetensors.hpp> and
// <lit/checkpoint/load_weights.hpp> (JSON).
#include <lit/callbacks/async_checkpoint.hpp>
#include <lit/callbacks/backbone_finetuning.hpp>
#include <lit/callbacks/base_finetuning.hpp>
#include <lit/callbacks/base_prediction_writer.hpp>
#include <lit/callbacks/callback.hpp>
#include <lit/callbacks/device_stats_monitor.hpp>
#include <lit/callbacks/dynamic_batch_size.hpp>
#include <lit/callbacks/early_stopping.hpp>
#include <lit/callbacks/ema_weight_averaging.hpp>
#include <lit/callbacks/gradient_accumulation.hpp>
#include <lit/callbacks/gradient_accumulation_scheduler.hpp>
#include <lit/callbacks/gradient_clip.hpp>
#include <lit/callbacks/gradient_monitor.hpp>
#include <lit/callbacks/lambda_callback.hpp>
#include <lit/callbacks/learning_rate_monitor.hpp>
#include <lit/callbacks/learning_rate_warm_up.hpp>
#include <lit/callbacks/model_checkpoint.hpp>
#include <lit/callbacks/model_summary.hpp>
#include <lit/callbacks/on_exception_checkpoint.hpp>
#include <lit/callbacks/prediction_writer.hpp>
#include <lit/callbacks/progress_bar.hpp>
#include <lit/callbacks/spike_detection.hpp>
#include <lit/callbacks/stochastic_weight_averaging.hpp>
#include <lit/callbacks/stop_file.hpp>
#include <lit/callbacks/throughput_monitor.hpp>
#include <lit/callbacks/timer.hpp>
#include <lit/callbacks/weight_averaging.hpp>
#include <lit/checkpoint/file.hpp>
#include <lit/checkpoint/load_from_checkpoint.hpp>
#include <lit/core/error.hpp>
#include <lit/core/hparams.hpp>
#include <lit/core/seed.hpp>
#include <lit/core/throughput.hpp>
#include <lit/data/data_loader.hpp>
#include <lit/data/data_module.hpp>
#include <lit/data/fashion_mnist.hpp>
#include <lit/data/idx.hpp>
#include <lit/data/mapped_dataset.hpp>
#include <lit/data/mnist.hpp>
#include <lit/data/random_split.hpp>
#include <lit/data/subset.hpp>
#include <lit/data/tensor_dataset.hpp>
#include <lit/loggers/csv_logger.hpp>
#include <lit/loggers/hparams_yaml.hpp>
#include <lit/loggers/tensorboard_logger.hpp>
#include <lit/metrics/accuracy.hpp>
#include <lit/metrics/confusion_matrix.hpp>
#include <lit/metrics/f1_score.hpp>
#include <lit/metrics/mean.hpp>
#include <lit/metrics/metric_collection.hpp>
#include <lit/module/module.hpp>
#include <lit/optim/adam.hpp>
#include <lit/optim/adamw.hpp>
#include <lit/optim/backward.hpp>
#include <lit/optim/configuration.hpp>
#include <lit/optim/constant_lr.hpp>
#include <lit/optim/cosine_annealing_lr.hpp>
#include <lit/optim/exponential_lr.hpp>
#include <lit/optim/lambda_lr.hpp>
#include <lit/optim/linear_lr.hpp>
#include <lit/optim/reduce_lr_on_plateau.hpp>
#include <lit/optim/sgd.hpp>
#include <lit/optim/step_lr.hpp>
#include <lit/precision/bf16_mixed.hpp>
#include <lit/precision/fp32.hpp>
#include <lit/strategies/single_device.hpp>
#include <lit/trainer/default_trainer.hpp>
#include <lit/trainer/from_environment.hpp>
#include <lit/trainer/trainer.hpp>
#include <lit/tuner/attribute.hpp>
#include <lit/tuner/batch_size_finder.hpp>
#include <lit/tuner/batch_size_options.hpp>
#include <lit/tuner/learning_rate_finder.hpp>
#include <lit/tuner/lr_find_result.hpp>
#include <lit/tuner/tuner.hpp>

// The layers and losses that modules are written with.
#include <torch/nn.h>
