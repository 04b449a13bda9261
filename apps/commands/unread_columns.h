#pragma once

#include <string>
#include <vector>

#include "fit/data/data_file_options.h"
#include "fit/laws/law.h"
#include "fit/solve/fit_result.h"

// Columns of a file that were named, such as --ratio, and that the answer would not look at: its
// rows would be pooled over them without a word.
namespace crosslaw::apps {

// A flag that names a column beside N, D and the loss, and the axis of the laws that read it.
struct NamedColumn {
  const char* flag;
  std::string column;
  fit::Axis axis;
};
// Those that were given.
std::vector<NamedColumn> columns_beside_size_and_tokens(const fit::DataFileOptions& file);

// Throws std::invalid_argument for a column that was named and that the law does not read.
void refuse_unread_columns(const fit::Law& law, const fit::DataFileOptions& file);
void refuse_unread_columns(const fit::FitResult& fit, const fit::DataFileOptions& file);

// The same for `what`, such as "a forecast", that knows N and D alone whatever its laws are.
void refuse_columns_beside_size_and_tokens(const std::string& what,
                                           const fit::DataFileOptions& file);

}  // namespace crosslaw::apps
