#pragma once

#include <string>
#include <vector>

#include "apps/study/observations.h"
#include "fit/data/data_file.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::apps {

// Points with their meaning: what a fit was made from, whether a file or a sweep gave them.
struct Dataset {
  std::string source;              // the file, or the sweep and its language
  std::string language;            // of a sweep; empty: of a file
  std::string text;                // the file itself; empty: of a sweep
  std::vector<std::string> where;  // conditions on the rows
  std::string params;              // what N is: a column, or words
  std::string tokens;              // what D is
  std::string loss;
  fit::Convention convention;
  fit::DataFile data;  // the points; rows counts those of the file, or the runs of the sweep
};

// The points that a file's text holds; options.path is its name. Throws std::invalid_argument like
// fit::parse_data, and for numbers that cannot be what their columns are taken for.
Dataset dataset_of_text(std::string text, const fit::DataFileOptions& options);

// Both strategies of a language of a sweep; its source is the language alone. With exact_flops the
// points carry their compute.
Dataset dataset_of_pair(const Observations& observations, const LanguagePair& pair,
                        PointChoice choice, bool exact_flops);

// The part of a sweep's points that were trained in one way; the runs keep their names.
Dataset only_stage(Dataset dataset, fit::Stage stage);

// How the points of a sweep count N and C.
fit::Convention convention_of(const Observations& observations, bool exact_flops);

}  // namespace crosslaw::apps
