// The same for test programs, which all include Catch2.
#include "rooms.hpp"

#include <catch2/catch.hpp>
