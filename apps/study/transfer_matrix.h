#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/study/sweep_transfers.h"

namespace crosslaw::apps {

// What one source language gave one target language, at the budget that all pairs have measured
// most of.
struct TransferCell {
  std::string source_language, language, strategy;
  double replay = 0;
  double tokens_per_param = 0;  // of the target language
  fit::Estimate saved_share;    // mean over the sizes; by the laws, else measured
  bool by_law = false;
  Saving saving = Saving::kCannotTell;
  // Mean bits per byte over the sizes with both: they compare languages and tokenizers, nats per
  // token do not. Absent: not recorded.
  std::optional<double> scratch_bits_per_byte, continued_bits_per_byte;
};

// A cell a pair with continued runs, of the least replay where a strategy has several shares.
struct TransferMatrix {
  std::vector<std::string> sources, targets;  // in the order of the sweep
  std::vector<TransferCell> cells;
};

TransferMatrix transfer_matrix(const Observations& observations,
                               const std::vector<PairTransfer>& transfers);

}  // namespace crosslaw::apps
