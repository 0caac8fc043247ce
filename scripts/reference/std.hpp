// For doxygen alone: what the public headers specialise.
namespace std {
template <class T>
struct hash;
}
