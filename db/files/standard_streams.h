#pragma once

namespace crosslaw::db {

// Opens /dev/null for standard input, output and error where they are closed. To be called before
// any file is opened: it would get the number of a closed stream, and what is printed would be
// written into it.
void open_standard_streams();

}  // namespace crosslaw::db
