#pragma once

#include <cstddef>
#include <vector>

#include "fit/data/data_file_options.h"
#include "fit/data/point_reader.h"
#include "fit/data/points.h"
#include "fit/data/record_table.h"

// Which rows the conditions of --where keep.
namespace crosslaw::fit {

// By what stands in the cells. Of a column in use whose unit a flag or a row of units says, by the
// numbers in use, of which a condition on N speaks. Throws std::invalid_argument where no row is
// kept, and where one of the two readings tells rows apart and the other, which counts, does not.
std::vector<std::size_t> kept_rows(const Records& records, const DataFileOptions& options,
                                   const PointReader& reader);

// Indices of the points that hold the conditions on N, D, C and loss where no column is called so.
// Throws std::invalid_argument where none does.
std::vector<std::size_t> kept_points(const Records& records, const DataFileOptions& options,
                                     const Points& points);

}  // namespace crosslaw::fit
