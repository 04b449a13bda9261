#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fit/data/data_file.h"
#include "fit/evidence/holdout.h"
#include "fit/solve/fitter.h"

// Published tables of losses, refitted under one protocol, so that what one study found can be laid
// beside what the others show.
namespace crosslaw::apps {

// One entry of an index: a file, which of its rows, and how they were made.
struct AtlasTable {
  std::string study;
  std::string training;  // "scratch", "continued", "mixture" or the user's own word
  std::string law = "extended";
  std::string holdout = "largest-params";  // a rule, or a condition on a column
  std::string note;  // what a reader must know, such as checkpoints instead of ends of runs
  std::string licence, citation;
  fit::DataFileOptions file;
};

// The tables of FOLDER/atlas.json, or every table in the folder with guessed columns where there is
// no index. Throws std::invalid_argument naming file and key.
std::vector<AtlasTable> read_atlas(const std::string& folder);

// The folder of the tables that come with crosslaw: share/crosslaw/scaling of an installed copy, or
// tests/data/scaling of a checkout. Throws std::runtime_error where there is neither.
std::string bundled_atlas();

struct AtlasEntry {
  AtlasTable table;
  int points = 0;
  int sizes = 0;                             // distinct N, values within 1 % counted once
  int token_counts = 0;                      // distinct D, alike
  std::vector<std::string> notes, warnings;  // of the reader: what was taken; what is doubtful
  std::string refused;                       // why the table cannot be fitted; then nothing follows
  std::optional<fit::FitResult> fit;
  std::optional<fit::Holdout> holdout;
  std::string no_holdout;  // why there is none

  // gamma of the fit; null where its law has none.
  const fit::Coefficient* gamma() const;
  std::string why_open() const;  // why it is not identified; empty: it is
};

// Never throws for what a table holds: that is what `refused` and `no_holdout` are for.
AtlasEntry refit(const AtlasTable& table, const fit::FitOptions& options);

}  // namespace crosslaw::apps
