#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/dataset.h"
#include "fit/allocate/equal_loss.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

// What continuing from a model of another language was worth (arXiv:2407.02118, Fig. 2): from the
// measured losses and from the fitted laws, side by side.
namespace crosslaw::apps {

// Whether continuing saves: every interval there is lies on one side of 0, or it cannot be told.
enum class Saving { kSaves, kCosts, kCannotTell };
std::string name_of(Saving saving);  // "saves", "costs", "cannot tell"

// One continued loss against the runs from scratch of the same size, by one of both ways.
struct TransferSide {
  fit::Estimate saved_share;                  // of tokens and FLOPs at equal size and loss
  fit::Estimate transferred_tokens;           // effectively transferred data
  std::optional<fit::Estimate> repaid_share;  // of the source model's tokens, where those are known
};

struct TransferRow {
  std::string run;
  double params = 0, tokens = 0, tokens_per_param = 0, loss = 0;
  std::optional<double> source_tokens;   // that the source model had seen
  std::optional<TransferSide> measured;  // absent: no scratch runs of this size
  bool extrapolated = false;             // measured, but beyond the losses from scratch
  std::optional<TransferSide> law;       // absent: no fit of both strategies
  Saving saving = Saving::kCannotTell;
};

// All sizes at about the same tokens per parameter, as budgets count these. Measured means are over
// the rows that were not extrapolated; those of the law over all.
struct TransferBudget {
  double tokens_per_param = 0;
  std::size_t sizes = 0, extrapolated = 0;
  fit::Estimate measured, law;  // mean share saved
  Saving saving = Saving::kCannotTell;
};

// Where training from scratch overtakes at one size.
struct TransferCrossing {
  double params = 0;
  fit::Estimate measured;  // undefined: not within the measured tokens
  fit::Estimate law;
  bool continued_better_below = true;  // by the law, where that has a value; else it is above
};

// Frontier against frontier at the compute of the continued one, each at its best size.
struct FrontierSaving {
  double flops = 0;
  fit::Estimate measured;         // by the curves through the lowest losses
  fit::Estimate law;              // by the optima of the fitted laws
  fit::Estimate loss_difference;  // of the laws, continued less scratch, nats
};

struct TransferFindings {
  fit::LossScatter noise;  // behind the measured intervals
  std::vector<TransferRow> rows;
  std::vector<TransferBudget> budgets;
  std::optional<fit::TransferGrowth> measured_growth, law_growth;
  std::vector<TransferCrossing> crossings;  // one a size
  std::vector<FrontierSaving> frontier;
  // Means over the frontier's budgets, for one sentence.
  std::optional<fit::Range> frontier_measured, frontier_law;  // least and most share saved
  std::string no_crossing;  // why the laws say nothing of crossings and frontiers; empty: they do
};

// What is known of the sizes, by N; either may be empty.
struct SizeFacts {
  std::map<double, double> source_tokens;  // that the source models had seen
  std::map<double, double> budget_params;  // that budgets multiply, where that is another count
};

// Points of both strategies. `both`: their fit, null where there is none. `draws` worlds for the
// measured intervals.
TransferFindings transfer_findings(const Dataset& data, const fit::FitResult* both,
                                   const SizeFacts& sizes, int draws = 1000);

// The sentence under the figures: "At equal size and loss continuing saved 51 % [48, 53] of the
// tokens at 5 tokens a parameter, ...; frontier against frontier 43 to 47 %." A budget whose
// verdict is open has (?).
std::string describe(const TransferFindings& findings);

}  // namespace crosslaw::apps
