#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sweep/launch/queue_launcher.h"
#include "sweep/spec/spec.h"

namespace crosslaw::apps {

// Where the spec's [launch] section lets runs run. Throws SpecError when the machine has not what
// it asks for.
std::unique_ptr<sweep::RunLauncher> make_launcher(const sweep::LaunchSpec& launch,
                                                  std::function<void(const std::string&)> say);

// What a job of a batch system is, by the spec.
sweep::QueueOptions queue_options(const sweep::LaunchSpec& launch);

// "auto" is bf16 on a GPU and fp32 on a CPU. Decided before a key is made, so that both never stand
// under one key when a sweep moves; in a recipe "auto" means the fp32 of a CPU.
void resolve_precision(sweep::SweepSpec& spec);

}  // namespace crosslaw::apps
