#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/allocate/equal_loss.h"

namespace crosslaw::apps {

// What continuing saved one run, without any law: the tokens from scratch at which the runs of the
// same size reach the continued loss (fit::measured_equal_loss).
struct MeasuredSaving {
  std::string size;
  double params = 0;
  double tokens = 0;  // of the continued run, target language
  double tokens_per_param = 0;
  double flops = 0;  // exact, of the target-language tokens
  double loss = 0;
  double scratch_tokens = 0;
  double scratch_flops = 0;  // exact: at equal size every token costs the same
  double saved_share = 0;    // 1 - tokens / scratch_tokens, of tokens and of FLOPs at equal size
  double transferred_tokens =
      0;  // scratch_tokens - tokens: effectively transferred data (arXiv:2407.02118)
  std::optional<fit::Range> saved_ci95, transferred_ci95;  // absent: the noise is not known
  bool extrapolated =
      false;  // the continued loss lies below the last one from scratch, or above the first
};

std::vector<MeasuredSaving> measured_savings(const Observations& observations,
                                             const LanguagePair& pair,
                                             const fit::LossScatter& noise = {});

// Mean saving of the runs with about the same tokens per parameter.
struct BudgetSummary {
  double tokens_per_param = 0;
  double mean_share = 0;
  double low_share = 0, high_share = 0;  // smallest and largest of the sizes
  int64_t sizes = 0;
  int64_t extrapolated = 0;
};

std::vector<BudgetSummary> summarise(const std::vector<MeasuredSaving>& savings);

// "Continuing from en saved fr tokens at equal loss: 54 % at 5, 42 % at 10, 28 % at 20 tokens per
// parameter ...". Languages are called as given, by their codes where nothing is.
struct LanguageNames {
  std::string source, target;
};
std::string headline(const LanguagePair& pair, const std::vector<BudgetSummary>& summary,
                     LanguageNames names = {});

}  // namespace crosslaw::apps
