#include "db/files/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace crosslaw::db {

void open_standard_streams() {
  // A new descriptor takes the lowest number that is free.
  int descriptor = ::open("/dev/null", O_RDWR);
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = ::open("/dev/null", O_RDWR);
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace crosslaw::db
