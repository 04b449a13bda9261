#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "apps/study/pair_fits.h"
#include "apps/study/transfer_findings.h"

namespace crosslaw::apps {

// What continuing was worth in one language of a sweep.
struct PairTransfer {
  LanguagePair pair;
  std::string kind;    // of a file with several kinds of runs: which; see kinds_of_runs()
  std::string fit;     // the fit of both strategies that the laws' side goes by; empty: none
  std::string reason;  // why that one
  std::string doubt;   // why its coefficients are not identified; empty: they are
  fit::Convention convention;
  std::optional<LawContrast> contrast;
  TransferFindings findings;
};

// PairTransfer::doubt of a fit.
std::string doubt_of(const fit::FitResult& fit);

// Of a pair with continued runs; else nothing. By its chosen fit where that is of both strategies,
// else its joint or two-stage one.
std::optional<PairTransfer> pair_transfer(const Observations& observations, const PairFits& fits);
std::vector<PairTransfer> sweep_transfers(const Observations& observations,
                                          const std::vector<PairFits>& fits);

}  // namespace crosslaw::apps
