#pragma once

#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "apps/study/sweep_fits.h"
#include "fit/allocate/allocation.h"

// What a sweep was made to tell, in the few lines that stand first and last.
namespace crosslaw::apps {

enum class Advice {
  kContinue,    // the interval of the difference lies below 0
  kScratch,     // above 0
  kCannotTell,  // it holds 0, or there is no interval
  kOneWay,      // only runs from scratch
  kNone,        // no fit answers: `refused` says why
};

struct PairAnswer {
  LanguagePair pair;
  FitChoice choice;
  Advice advice = Advice::kNone;
  fit::Estimate difference;  // of the best losses at the budget, continued less scratch, nats
  std::string strategy;      // whose split follows: of the advice, else of the smaller loss
  fit::AllocationRow best;
  std::string refused;
};

struct SweepAnswer {
  double flops = 0;     // the largest budget that was measured for every language; 0: no fit
  std::string compute;  // "6ND"
  std::vector<PairAnswer> pairs;
  std::vector<std::string> warnings;  // of fits and allocations, each once
};

SweepAnswer sweep_answer(const Observations& observations, const std::vector<PairFits>& fits);

// At most five lines of at most 100 columns: the budget, then what to do for each language, with
// N*, D*, D*/N*, the fit that says so, and why that fit.
std::vector<std::string> answer_lines(const SweepAnswer& answer);

}  // namespace crosslaw::apps
