#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/study/dataset.h"
#include "fit/evidence/prediction.h"
#include "fit/solve/fitter.h"
#include "fit/write/table.h"

namespace CLI {
class App;
}

namespace crosslaw::apps {

// What `fit` can be asked about a fit beyond its coefficients.
struct EvidenceOptions {
  bool profile = false;
  bool influence = false;
  std::vector<std::string> predict;  // runs, each N:D
  std::vector<std::string> holdout;  // one rule, or conditions on columns of which any holds
  std::vector<std::string> laws;     // that the held-out test compares; empty: all that suit
  std::optional<double> flops;       // of N* [the largest measured compute]
  fit::TableFormat format = fit::TableFormat::kText;  // of the tables in the text

  bool any() const { return profile || influence || !predict.empty() || !holdout.empty(); }
};

// The answers in the forms in which `fit` prints: text follows the fit, `json` is merged into its
// object, and the tables, of the last answer, take its place: `table` for people, `csv` in full.
struct Evidence {
  std::string text;
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  std::optional<fit::Table> table;
  std::optional<fit::Table> csv;
  std::vector<std::string> warnings;  // also part of text
};

// "7e9:1.4e11" of the command's flag or argument. Throws std::invalid_argument.
fit::NewRun parse_run(const std::string& flag, const std::string& text);

void add_evidence_options(CLI::App& command, EvidenceOptions& options);

// Options that do not go together or cannot be read: std::invalid_argument, before any fit.
// `one_table` says that only one answer can be printed, `of_sweep` that there is no file whose
// columns could tell what to hold out.
// `by`: --at is also the budget of --by.
void check_evidence_options(const EvidenceOptions& options, bool one_table, bool of_sweep,
                            bool by = false);

// `data` is what the fit was made from, `settings` how laws that are held against it are fitted.
// Throws std::invalid_argument for bad input.
Evidence gather_evidence(const EvidenceOptions& options, const fit::FitOptions& settings,
                         const Dataset& data, const fit::FitResult& fit);

}  // namespace crosslaw::apps
