#pragma once

#include <vector>

#include "sweep/plan/plan.h"

namespace crosslaw::apps {

// plan --fits: which sizes fit which GPUs, by the memory model.
struct FitsOptions {
  bool wanted = false;
  std::vector<double> gpus = {1, 8};        // of a run; whole numbers
  std::vector<double> card_gb = {80, 141};  // of each: H100, H200
  bool json = false, csv = false;
};

// Throws std::invalid_argument for options that contradict each other or are out of bounds.
void require_fits_options(const FitsOptions& options);
void print_fits(const sweep::Plan& plan, const FitsOptions& options);

}  // namespace crosslaw::apps
