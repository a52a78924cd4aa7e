"""From printed lines to the text of a page, whatever library found them."""
