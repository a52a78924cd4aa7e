"""From a PDF's own coordinates to those of the page as a viewer shows it."""

from dataclasses import dataclass

from sfta_edge.documents.document import Box

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a viewer shows of a page: the crop box, turned clockwise."""

    crop: Box
    """Left, bottom, right and top in the PDF's coordinates."""
    turns: tuple[int, ...] = ()
    """Degrees clockwise, one after another; multiples of 90."""

    @property
    def size(self) -> Point:
        """Width and height as shown, points."""
        width, height = self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]
        return (height, width) if sum(self.turns) % 180 else (width, height)

    def turned(self, degrees: int) -> "Frame":
        """The same page, turned once more."""
        return Frame(self.crop, (*self.turns, degrees))

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """A box of the PDF on the page as shown, origin top left."""
        (ax, ay), (bx, by) = self.point(left, bottom), self.point(right, top)
        return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)

    def point(self, x: float, y: float) -> Point:
        """A point of the PDF on the page as shown."""
        width, height = self.crop[2] - self.crop[0], self.crop[3] - self.crop[1]
        x, y = x - self.crop[0], self.crop[3] - y
        for degrees in self.turns:
            x, y, width, height = _turned(x, y, width, height, degrees)
        return x, y

    def direction(self, a: float, b: float) -> Point:
        """A direction of the PDF, of any length, on the page as shown."""
        (x0, y0), (x1, y1) = self.point(0.0, 0.0), self.point(a, b)
        return x1 - x0, y1 - y0


def _turned(
    x: float, y: float, width: float, height: float, degrees: int
) -> tuple[float, float, float, float]:
    match degrees % 360:
        case 90:
            return height - y, x, height, width
        case 180:
            return width - x, height - y, width, height
        case 270:
            return y, width - x, height, width
    return x, y, width, height
