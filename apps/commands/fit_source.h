#pragma once

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "apps/commands/data_source.h"
#include "fit/solve/fitter.h"

namespace crosslaw::apps {

// How points are fitted, as `fit`, `allocate` and `design` share it.
struct FittingOptions {
  fit::FitOptions fit = {.law = ""};  // empty: the law that suits the source
  std::optional<int> draws;           // absent: 1000, and 200 above 20,000 points of a file
  std::string resampling;             // empty: auto
};

void add_fitting_options(CLI::App& command, FittingOptions& options);

// Throws std::invalid_argument naming the laws there are; empty is fine: a default.
void require_known_law(const std::string& law);

// The settings of a fit of so many points of a file, defaults filled in. Throws
// std::invalid_argument.
fit::FitOptions fit_settings(const FittingOptions& options, const fit::DataFileOptions& file,
                             std::size_t points);

// The resampling asked for. Throws std::invalid_argument.
fit::Resampling resampling_of(const FittingOptions& options, const fit::DataFileOptions& file);

// A fit with the points that it was made from.
struct SourcedFit {
  std::string name;  // of the fits of a sweep: scratch, two-stage, joint; empty: of a file
  Dataset data;
  fit::FitResult fit;

  std::string label() const;  // "fr, two-stage"; empty: of a file
};

// Throws std::invalid_argument for options that no file could be fitted with: before a long one is
// read.
void check_fitting(const FittingOptions& options, const fit::DataFileOptions& file);
// Fits a file that was read, or a part of it. Throws std::invalid_argument for bad input.
SourcedFit fit_dataset(const FittingOptions& options, Dataset data);
// Reads the file and fits it. Throws std::invalid_argument for bad input.
SourcedFit fit_file(const FittingOptions& options, const fit::DataFileOptions& file,
                    std::ostream& log = std::cerr);

// Fits the source: the file once, or every language of the sweep. A sweep's fits under the settings
// of crosslaw run are kept in its folder and taken from there while they are current. What takes
// time and which fits are missing is said to `log`. With `refit` stored fits, which lack the stages
// of a two-stage fit, are not taken. Throws std::invalid_argument for bad input.
std::vector<SourcedFit> fit_source(const DataSourceOptions& source, const FittingOptions& options,
                                   bool refit, std::ostream& log);

// "two-stage", else the name of the law.
std::string law_name(const fit::FitResult& fit);

}  // namespace crosslaw::apps
