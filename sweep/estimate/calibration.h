#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "sweep/estimate/run_estimate.h"

namespace crosslaw::sweep {

struct CalibrationOptions {
  std::filesystem::path program;  // the trainer
  std::filesystem::path folder;   // receives the probes' files; exists
  std::string gpu_uuid;           // empty: on the CPU
  int64_t threads = 1;
  double longest_probe_seconds = 60;
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

// Trains the plan's smallest, a middle and the largest model of which twenty steps end in time, on
// random tokens, for five steps and for twenty more: the difference is the steps alone. Throws
// std::runtime_error with the trainer's last words when it fails.
MeasuredSteps calibrate(const Plan& plan, const CalibrationOptions& options);

// Seconds of a step over its FLOPs, by their relative error: affine, of one size in proportion.
struct ProbedStep {
  double flops = 0, seconds = 0;
};
MeasuredSteps fit_steps(const std::vector<ProbedStep>& probes);

}  // namespace crosslaw::sweep
