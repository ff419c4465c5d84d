// SPDX-License-Identifier: Apache-2.0
//
// The one source of lit::compiled: the bodies of all functions that are no templates, which a program that links it does not
// compile again in each of its units.
#define LIT_COMPILED_LIBRARY
#include <lit/callbacks/impl/best_models.hpp>
#include <lit/callbacks/impl/checkpoint_folder.hpp>
#include <lit/callbacks/impl/checkpoint_name.hpp>
#include <lit/callbacks/impl/cpu_stats.hpp>
#include <lit/callbacks/impl/model_checkpoint_options.hpp>
#include <lit/callbacks/impl/model_summary.hpp>
#include <lit/callbacks/impl/progress_output.hpp>
#include <lit/callbacks/impl/progress_text.hpp>
#include <lit/callbacks/impl/python_text.hpp>
#include <lit/callbacks/impl/swa_schedule.hpp>
#include <lit/callbacks/impl/weights_copy.hpp>
#include <lit/checkpoint/impl/abandoned_files.hpp>
#include <lit/checkpoint/impl/atomic_file.hpp>
#include <lit/checkpoint/impl/file.hpp>
#include <lit/checkpoint/impl/file_checkpoint_io.hpp>
#include <lit/checkpoint/impl/host_buffers.hpp>
#include <lit/checkpoint/impl/module_state.hpp>
#include <lit/checkpoint/impl/newest_whole.hpp>
#include <lit/checkpoint/impl/packed_value.hpp>
#include <lit/checkpoint/impl/pickle_reader.hpp>
#include <lit/checkpoint/impl/pickle_writer.hpp>
#include <lit/checkpoint/impl/schema.hpp>
#include <lit/core/impl/duration.hpp>
#include <lit/core/impl/interrupt.hpp>
#include <lit/core/impl/metric_names.hpp>
#include <lit/core/impl/number.hpp>
#include <lit/core/impl/result_entry.hpp>
#include <lit/core/impl/results.hpp>
#include <lit/core/impl/resume_point.hpp>
#include <lit/core/impl/rng_state.hpp>
#include <lit/core/impl/run_state.hpp>
#include <lit/core/impl/seed.hpp>
#include <lit/core/impl/stage_clock.hpp>
#include <lit/core/impl/throughput.hpp>
#include <lit/core/impl/value.hpp>
#include <lit/core/impl/yaml.hpp>
#include <lit/data/impl/idx.hpp>
#include <lit/data/impl/mnist.hpp>
#include <lit/data/impl/random_sampler.hpp>
#include <lit/data/impl/tensor_dataset.hpp>
#include <lit/data/impl/worker_threads.hpp>
#include <lit/loggers/impl/csv_logger.hpp>
#include <lit/loggers/impl/hparams_yaml.hpp>
#include <lit/loggers/impl/metrics_file.hpp>
#include <lit/loggers/impl/run_folder.hpp>
#include <lit/loops/impl/limit.hpp>
#include <lit/loops/impl/resume_differences.hpp>
#include <lit/loops/impl/trainer_options.hpp>
#include <lit/optim/impl/adam.hpp>
#include <lit/optim/impl/adam_algorithm.hpp>
#include <lit/optim/impl/adamw.hpp>
#include <lit/optim/impl/backward.hpp>
#include <lit/optim/impl/clip.hpp>
#include <lit/optim/impl/constant_lr.hpp>
#include <lit/optim/impl/cosine_annealing_lr.hpp>
#include <lit/optim/impl/epoch_schedule.hpp>
#include <lit/optim/impl/exponential_lr.hpp>
#include <lit/optim/impl/group_state.hpp>
#include <lit/optim/impl/grouped_optimizer.hpp>
#include <lit/optim/impl/linear_lr.hpp>
#include <lit/optim/impl/option_values.hpp>
#include <lit/optim/impl/reduce_lr_on_plateau.hpp>
#include <lit/optim/impl/sgd.hpp>
#include <lit/optim/impl/step_lr.hpp>
#include <lit/optim/impl/torch_layout.hpp>

// A program that includes these without protozero is told by their headers.
#if __has_include(<protozero/pbf_writer.hpp>)
#include <lit/loggers/impl/event_file.hpp>
#include <lit/loggers/impl/tensorboard_logger.hpp>
#endif
