#pragma once

#include <string>
#include <vector>

#include "apps/study/dataset.h"

namespace crosslaw::apps {

// The runs of a file that one comparison may hold: in one language, from one source model, with one
// share of replay.
struct KindOfRuns {
  std::string label;  // "language=fr, replay=0.2"; empty: the file has one kind
  Dataset data;
};

// A file's runs by the columns that name such kinds and vary within a strategy: those of usual
// names (language, source, replay) and that of --ratio or --replay. Runs from scratch that have the
// kind's values belong to it, else those of all kinds do. Kinds that lack runs of a strategy are
// named in `left_out`. Throws std::invalid_argument where no kind has both.
std::vector<KindOfRuns> kinds_of_runs(const Dataset& data, std::vector<std::string>& left_out);

// Columns by which losses at equal N, D and strategy differ, so that those rows are no seeds of one
// another: a sentence each.
std::vector<std::string> repeats_by_column(const Dataset& data);

// Where runs of several kinds or strategies are fitted as one: a sentence for each column that says
// so and that the fit does not read.
std::vector<std::string> pooled_kinds(const Dataset& data);

}  // namespace crosslaw::apps
